package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"rexec/hmacauth"
	"rexec/internal/secretfile"
	"rexec/internal/strictoml"
)

// Add makes an entry from a token, which goes into keys/. A lab's token may
// have a pattern or a node set for a name ("lab-*", "lab[01-40]"): its hosts
// share the key, and each derives its own secret from it; those of a node set
// get the key's id for a tag. Adding the same again changes nothing, nor does
// a token that the lab of an entry for many hosts makes for this one; a name
// that is taken by anything else is refused.
func (inv *Inventory) Add(name string, tok hmacauth.Token) error {
	if err := checkNewName(name, tok.Kind == hmacauth.TokenLab); err != nil {
		return err
	}
	if err := tok.Validate(); err != nil {
		return err
	}
	h, err := newHost(name, tok)
	if err != nil {
		return err
	}
	made := false
	err = inv.changeHosts(func(data []byte, b *book) ([]byte, error) {
		taken := func(old Host) bool { return old.entry() == name || slices.Contains(old.Aliases, name) }
		if i := slices.IndexFunc(b.hosts, taken); i >= 0 {
			if reflect.DeepEqual(b.hosts[i], h) && inv.holds(h, tok) {
				return data, nil
			}
			return nil, fmt.Errorf("host %q is there already: take it out first with rexec host rm %s", name, b.hosts[i].entry())
		}
		opens, err := inv.opens(b, name, tok)
		if err != nil || opens {
			return data, err
		}
		if made, err = inv.keepToken(h, tok); err != nil {
			return nil, err
		}
		return appendHost(data, h), nil
	})
	if err != nil && made { // a secret that no entry leads to is not left behind
		err = errors.Join(err, os.Remove(inv.path(keysDir, h.Key)))
	}
	return err
}

func newHost(name string, tok hmacauth.Token) (Host, error) {
	h := Host{Name: name, Address: tok.Address, Key: name, ServerID: tok.ServerID}
	if isPattern(name) {
		h.Name, h.Pattern, h.Key = "", name, tok.KeyID
		if !isGlob(name) && checkGroupName("tag", tok.KeyID) == nil {
			h.Tags = []string{tok.KeyID}
		}
	} else if h.ServerID == "" {
		h.ServerID = strings.ToLower(name)
		if err := hmacauth.ValidateID("server id", h.ServerID); err != nil {
			return Host{}, fmt.Errorf("a lab's host is known by its name: %w", err)
		}
	}
	if h.Address != "" {
		if _, _, err := ParseAddress(h.Address, DefaultPort); err != nil {
			return Host{}, fmt.Errorf("the token's %w", err)
		}
	}
	return h, checkKeyName(h.Key)
}

// holds reports whether the host's file has that very token.
func (inv *Inventory) holds(h Host, tok hmacauth.Token) bool {
	old, err := inv.Token(h)
	return err == nil && old.Encode() == tok.Encode()
}

// opens reports whether an entry for many hosts opens the host with the same
// secret already: an entry made of a token that has no address would hide
// where that one dials.
func (inv *Inventory) opens(b *book, name string, tok hmacauth.Token) (bool, error) {
	h, known, err := b.named(name)
	if err != nil || !known || tok.Kind != hmacauth.TokenHost || tok.Address != "" {
		return false, err
	}
	master, err := inv.Token(h)
	if err != nil {
		return false, nil // it opens nothing
	}
	made, err := derived(master, h)
	return err == nil && made.Encode() == tok.Encode(), nil
}

// keepToken writes the token where h says. A file that is there already must
// hold it. made says that it was not.
func (inv *Inventory) keepToken(h Host, tok hmacauth.Token) (made bool, err error) {
	if err := secretfile.MkdirPrivate(inv.path(keysDir)); err != nil {
		return false, err
	}
	path := inv.path(keysDir, h.Key)
	err = secretfile.Create(path, []byte(tok.Encode()+"\n"))
	if errors.Is(err, fs.ErrExist) {
		if inv.holds(h, tok) {
			return false, nil
		}
		return false, fmt.Errorf("%s is there already and holds another key: move it away first", path)
	}
	return err == nil, err
}

// Remove takes an entry out, by the name in the file, with the pins of its
// hosts, and with its token unless another entry uses the same. A lab's master
// key stays: other daemons may be set up with what is derived from it.
func (inv *Inventory) Remove(name string) error {
	var before, after *book
	err := inv.changeHosts(func(data []byte, b *book) ([]byte, error) {
		i := slices.IndexFunc(b.hosts, func(h Host) bool { return h.entry() == name })
		if i < 0 {
			return nil, fmt.Errorf("host %.64q has no entry: rexec host ls shows which there are", name)
		}
		rest, err := cutHost(inv.path(hostsFile), data, i)
		if err != nil {
			return nil, err
		}
		if after, err = parseHosts(inv.path(hostsFile), rest); err != nil {
			return nil, err
		}
		before = b
		key := b.hosts[i].KeyName()
		if slices.ContainsFunc(after.hosts, func(h Host) bool { return h.KeyName() == key }) {
			return rest, nil
		}
		if tok, err := inv.Token(b.hosts[i]); err == nil && tok.Kind == hmacauth.TokenLab {
			return rest, nil
		}
		if err := os.Remove(inv.path(keysDir, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return rest, nil
	})
	if err != nil {
		return err
	}
	return inv.changePins(func(pins map[string][]byte) error {
		for pinned := range pins {
			if _, was, _ := before.named(pinned); !was {
				continue
			}
			if _, is, _ := after.named(pinned); !is {
				delete(pins, pinned)
			}
		}
		return nil
	})
}

// changeHosts reads, changes and writes the file as one step, and takes over
// what others wrote.
func (inv *Inventory) changeHosts(change func(data []byte, b *book) ([]byte, error)) error {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	path := inv.path(hostsFile)
	return inv.locked(hostsFile, func() error {
		data, err := strictoml.ReadFile(path, maxFile)
		if err != nil {
			return err
		}
		b, err := parseHosts(path, data)
		if err != nil {
			return err
		}
		next, err := change(data, b)
		if err != nil {
			return err
		}
		if b, err = parseHosts(path, next); err != nil {
			return err
		}
		if string(next) != string(data) {
			if err := writeHosts(path, next); err != nil {
				return err
			}
		}
		inv.adopt(b)
		return nil
	})
}
