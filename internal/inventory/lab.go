package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"rexec/hmacauth"
	"rexec/internal/nodeset"
	"rexec/internal/secretfile"
)

// A lab is a master key in keys/, under the lab's name, which is also the key's
// id. Entries name it as their key, and each of their hosts has a secret of its
// own that is derived from it.

// Lab is one lab key and who uses it.
type Lab struct {
	Name  string      // of the file in keys/
	KeyID string      // of the key
	Hosts nodeset.Set // of entries that say who their hosts are
	Globs []string    // entries that do not
}

// NewLab makes a lab's master key.
func (inv *Inventory) NewLab(name string) error {
	if err := checkGroupName("lab", name); err != nil { // which every name of a key but those with @ passes
		return err
	}
	tok := hmacauth.Token{Kind: hmacauth.TokenLab, KeyID: name, Secret: hmacauth.NewSecret()}
	if err := tok.Validate(); err != nil {
		return fmt.Errorf("a lab's name is its key's id: %w", err)
	}
	if err := secretfile.MkdirPrivate(inv.path(keysDir)); err != nil {
		return err
	}
	path := inv.path(keysDir, name)
	err := secretfile.Create(path, []byte(tok.Encode()+"\n"))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: rexec lab ls shows which labs there are", path)
	}
	return err
}

// lab reads the master key of a lab.
func (inv *Inventory) lab(name string) (hmacauth.Token, error) {
	tok, err := inv.Token(Host{Key: name, Name: name})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return tok, fmt.Errorf("lab %.64q is not known: make its key with rexec lab init %s", name, name)
	case err != nil:
		return tok, err
	case tok.Kind != hmacauth.TokenLab:
		return tok, fmt.Errorf("%s is the key of one host, not a lab's", inv.path(keysDir, name))
	}
	return tok, nil
}

// Labs returns all labs in the order of their names.
func (inv *Inventory) Labs() ([]Lab, error) {
	files, err := os.ReadDir(inv.path(keysDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var labs []Lab
	for _, f := range files {
		if checkKeyName(f.Name()) != nil {
			continue // what an editor or a copy left behind
		}
		tok, err := inv.Token(Host{Key: f.Name()})
		if err != nil || tok.Kind != hmacauth.TokenLab {
			continue // rexec host ls says what is wrong with it
		}
		lab := inv.current().users(f.Name())
		lab.KeyID = tok.KeyID
		labs = append(labs, lab)
	}
	slices.SortFunc(labs, func(a, b Lab) int { return nodeset.Compare(a.Name, b.Name) })
	return labs, nil
}

// users are the hosts of the entries that name the key.
func (b *book) users(key string) Lab {
	lab := Lab{Name: key}
	for i, h := range b.hosts {
		switch {
		case h.KeyName() != key:
		case isGlob(h.Pattern):
			lab.Globs = append(lab.Globs, h.Pattern)
		default:
			lab.Hosts = lab.Hosts.Union(b.members(i))
		}
	}
	return lab
}

// Join makes the hosts of a node set part of a lab: those that are not known
// yet get an entry, one for all, with the address, which may have placeholders,
// and with the lab's name for a tag. A host that another key opens is refused.
// made are those for whom an entry was made.
func (inv *Inventory) Join(lab, expr, address string) (hosts, made nodeset.Set, err error) {
	if _, err := inv.lab(lab); err != nil {
		return hosts, made, err
	}
	if hosts, err = inv.Resolve(expr); err != nil {
		return hosts, made, err
	}
	if hosts.Len() == 0 {
		return hosts, made, fmt.Errorf("node set %.100q stands for no host", expr)
	}
	err = inv.changeHosts(func(data []byte, b *book) ([]byte, error) {
		var fresh []string
		for _, name := range hosts.Names() {
			h, known, err := b.named(name)
			switch {
			case err != nil:
				return nil, err
			case !known:
				fresh = append(fresh, name)
			case h.KeyName() != lab:
				return nil, fmt.Errorf("host %q is there already, with the key %s: take it out first with rexec host rm %s, "+
					"or say --also if it is to have both keys",
					name, h.KeyName(), h.entry())
			}
		}
		if made, err = nodeset.Of(fresh...); err != nil || len(fresh) == 0 {
			return data, err
		}
		h, err := newMember(lab, expr, made, address)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(b.groups, func(g group) bool { return g.name == lab }) {
			h.Tags = []string{lab}
		}
		return appendHost(data, h), nil
	})
	return hosts, made, err
}

// newMember is the entry for hosts of a lab. If the expression says just them
// it is their name, since its brackets are what placeholders count.
func newMember(lab, expr string, hosts nodeset.Set, address string) (Host, error) {
	name := hosts.String()
	if patterns, err := nodeset.ParsePatterns(expr); err == nil && slices.Equal(patterns.Set().Names(), hosts.Names()) {
		name = expr
	}
	h := Host{Name: name, Address: address, Key: lab}
	if err := checkNewName(name, true); err != nil {
		return Host{}, err
	}
	if !isPattern(name) {
		var err error
		if h.Address, err = substitute(address, name, digitsIn(name)); err != nil {
			return Host{}, fmt.Errorf("address %q %w", address, err)
		}
	} else {
		h.Name, h.Pattern = "", name
	}
	_, err := parseHosts("the new entry", appendHost(nil, h))
	return h, err
}

// HostToken is the token that a host's daemon is set up with: it opens that
// host alone. The host's entry may name another key, which is how a lab's key is
// replaced by a new one.
func (inv *Inventory) HostToken(lab, name string) (hmacauth.Token, error) {
	master, err := inv.lab(lab)
	if err != nil {
		return hmacauth.Token{}, err
	}
	h, err := inv.Find(name)
	if err != nil {
		return hmacauth.Token{}, err
	}
	return derived(master, h)
}

// derived is the token of one host of a lab.
func derived(master hmacauth.Token, h Host) (hmacauth.Token, error) {
	id := h.Server(master)
	cred, err := master.Credentials(id)
	if err != nil {
		return hmacauth.Token{}, fmt.Errorf("host %q: %w: give its entry a server_id", h.Name, err)
	}
	return hmacauth.Token{Kind: hmacauth.TokenHost, KeyID: cred.KeyID, Secret: cred.Secret, ServerID: id}, nil
}

// WriteTokens writes the token of each host into a file NAME.token of the
// folder, which is made if need be, mode 0600. A file that is there already
// must hold the same.
func (inv *Inventory) WriteTokens(lab string, hosts nodeset.Set, dir string) error {
	if err := secretfile.MkdirPrivate(dir); err != nil {
		return err
	}
	for _, name := range hosts.Names() {
		tok, err := inv.HostToken(lab, name)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, name+".token")
		err = secretfile.Create(path, []byte(tok.Encode()+"\n"))
		if errors.Is(err, fs.ErrExist) {
			old, readErr := ReadTokenFile(path)
			if readErr == nil && old.Encode() == tok.Encode() {
				continue
			}
			return fmt.Errorf("%s is there already and is not this host's token: move it away first", path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// RemoveLab takes out the lab's key, the entries that name it, and the pins of
// their hosts.
func (inv *Inventory) RemoveLab(name string) error {
	if _, err := inv.lab(name); err != nil {
		return err
	}
	for {
		b := inv.current()
		i := slices.IndexFunc(b.hosts, func(h Host) bool { return h.KeyName() == name })
		if i < 0 {
			return os.Remove(inv.path(keysDir, name))
		}
		if err := inv.Remove(b.hosts[i].entry()); err != nil {
			return err
		}
	}
}
