package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode"

	"rexec/internal/secretfile"
	"rexec/internal/strictoml"
)

// ErrPinned is in the error of AddPin when the host has another pin already.
var ErrPinned = errors.New("is pinned to another key: if the daemon was set up anew, rexec host trust replaces the pin")

// checkPinned says whether a pin can be kept under that name: a host's, or,
// where a token was used without an entry, an address or a server id.
func checkPinned(name string) error {
	odd := func(r rune) bool { return r == ' ' || r == unicode.ReplacementChar || !unicode.IsPrint(r) }
	if name == "" || len(name) > maxPinned || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("name %.64q cannot have a pin: want 1 to %d bytes without spaces", name, maxPinned)
	}
	return nil
}

const maxPinned = 300

// Pin returns the SHA-256 of the leaf certificate that the host of that name
// must show, nil if none is known. It goes before a pin in the host's token,
// which it may have replaced.
func (inv *Inventory) Pin(name string) []byte {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return slices.Clone(inv.pins[name])
}

// SetPin replaces the host's pin, or removes it if pin is nil.
func (inv *Inventory) SetPin(name string, pin []byte) error {
	return inv.changePins(func(pins map[string][]byte) error { return setPin(pins, name, pin) })
}

// AddPin notes the pin of a first contact. If meanwhile, in this process or
// another, the host got a different one, that stays and the error is
// ErrPinned.
func (inv *Inventory) AddPin(name string, pin []byte) error {
	return inv.AddPins(map[string][]byte{name: pin})
}

// AddPins is AddPin for many at once. Those that are in order are noted even
// if others are not.
func (inv *Inventory) AddPins(fresh map[string][]byte) error {
	var failed []error
	err := inv.changePins(func(pins map[string][]byte) error {
		for _, name := range slices.Sorted(maps.Keys(fresh)) {
			if old, ok := pins[name]; ok && !bytes.Equal(old, fresh[name]) {
				failed = append(failed, fmt.Errorf("host %.64q %w", name, ErrPinned))
			} else if err := setPin(pins, name, fresh[name]); err != nil {
				failed = append(failed, err)
			}
		}
		return nil
	})
	return errors.Join(append(failed, err)...)
}

func setPin(pins map[string][]byte, name string, pin []byte) error {
	if pin == nil {
		delete(pins, name)
		return nil
	}
	if err := checkPinned(name); err != nil {
		return err
	}
	if len(pin) != sha256.Size {
		return fmt.Errorf("pin of host %q has %d bytes, want %d", name, len(pin), sha256.Size)
	}
	pins[name] = slices.Clone(pin)
	return nil
}

// changePins reads, changes and writes the file as one step, and takes over
// what other processes wrote.
func (inv *Inventory) changePins(change func(pins map[string][]byte) error) error {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.locked(pinsFile, func() error {
		pins, err := loadPins(inv.path(pinsFile))
		if err != nil {
			return err
		}
		before := maps.Clone(pins)
		if err := change(pins); err != nil {
			return err
		}
		if !maps.EqualFunc(before, pins, bytes.Equal) {
			if err := secretfile.Write(inv.path(pinsFile), encodePins(pins)); err != nil {
				return err
			}
		}
		inv.pins = pins
		return nil
	})
}

// loadPins reads pins.toml; a missing one is empty. Nothing in it is secret,
// but who can write to it decides which machine is believed.
func loadPins(path string) (map[string][]byte, error) {
	data, err := secretfile.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string][]byte{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pins: %w", err)
	}
	return parsePins(path, data)
}

func parsePins(file string, data []byte) (map[string][]byte, error) {
	doc, err := strictoml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	pins := map[string][]byte{}
	for _, t := range doc.Root.Tables("pin") {
		name, text := t.Text("name"), t.Text("sha256")
		pin, err := hex.DecodeString(text)
		if err != nil || len(pin) != sha256.Size {
			t.Fail("sha256", fmt.Errorf("is not %d hexadecimal digits", 2*sha256.Size))
		}
		if err := checkPinned(name); err != nil {
			t.Fail("name", fmt.Errorf("is not good: %w", err))
		}
		if _, twice := pins[name]; twice {
			t.Fail("name", fmt.Errorf("%.64q is in the file twice", name))
		}
		pins[name] = pin
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return pins, nil
}

func encodePins(pins map[string][]byte) []byte {
	var b strings.Builder
	b.WriteString("# Written by rexec: the certificates that hosts have shown. See rexec host trust.\n")
	for _, name := range slices.Sorted(maps.Keys(pins)) {
		fmt.Fprintf(&b, "\n[[pin]]\nname = %s\nsha256 = \"%x\"\n", strictoml.Quote(name), pins[name])
	}
	return []byte(b.String())
}
