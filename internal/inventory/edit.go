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
)

// Add makes an entry from a token, which goes into keys/. A lab's token may
// have a pattern for a name ("lab-*"): its hosts share the key, and each
// derives its own secret from it. Adding the same again changes nothing; a
// name that is taken by anything else is refused.
func (inv *Inventory) Add(name string, tok hmacauth.Token) error {
	if err := checkNewName(name, tok.Kind == hmacauth.TokenLab && isPattern(name)); err != nil {
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
	err = inv.changeHosts(func(data []byte, hosts []Host) ([]byte, error) {
		taken := func(old Host) bool { return old.entry() == name || slices.Contains(old.Aliases, name) }
		if i := slices.IndexFunc(hosts, taken); i >= 0 {
			if reflect.DeepEqual(hosts[i], h) && inv.holds(h, tok) {
				return data, nil
			}
			return nil, fmt.Errorf("host %q is there already: take it out first with rexec host rm %s", name, hosts[i].entry())
		}
		var err error
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

// Remove takes an entry out, by the name in the file, with its pin, and with
// its token unless another entry uses the same.
func (inv *Inventory) Remove(name string) error {
	var gone Host
	err := inv.changeHosts(func(data []byte, hosts []Host) ([]byte, error) {
		i := slices.IndexFunc(hosts, func(h Host) bool { return h.entry() == name })
		if i < 0 {
			return nil, fmt.Errorf("host %.64q has no entry: rexec host ls shows which there are", name)
		}
		gone = hosts[i]
		rest, err := cutHost(inv.path(hostsFile), data, i)
		if err != nil {
			return nil, err
		}
		key := gone.KeyName()
		shared := func(h Host) bool { return h.entry() != name && h.KeyName() == key }
		if slices.ContainsFunc(hosts, shared) {
			return rest, nil
		}
		if err := os.Remove(inv.path(keysDir, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return rest, nil
	})
	if err != nil || inv.Pin(gone.Name) == nil {
		return err
	}
	return inv.SetPin(gone.Name, nil)
}

// changeHosts reads, changes and writes the file as one step, and takes over
// what others wrote.
func (inv *Inventory) changeHosts(change func(data []byte, hosts []Host) ([]byte, error)) error {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	path := inv.path(hostsFile)
	return inv.locked(hostsFile, func() error {
		data, err := readHosts(path)
		if err != nil {
			return err
		}
		b, err := parseHosts(path, data)
		if err != nil {
			return err
		}
		next, err := change(data, b.hosts)
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
