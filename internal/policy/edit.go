package policy

import (
	"errors"
	"fmt"
	"slices"

	"rexec/hmacauth"
)

// ErrNoKey is in the error of an edit that names a key the ring does not have.
var ErrNoKey = errors.New("is not in the ring: rexecd key ls shows who is")

// claims are the ids and secrets taken so far; of a secret, by its text, whose
// it is.
type claims map[string]string

// check reports a key that takes what another has, and takes its own.
func (c claims) check(k Key, report func(field string, err error)) {
	if _, taken := c["id "+k.ID]; taken && k.ID != "" {
		report("id", fmt.Errorf("%.64q is in the ring twice", k.ID))
	}
	for _, own := range []struct {
		field  string
		secret hmacauth.Secret
	}{{"secret", k.Secret}, {"next_secret", k.NextSecret}} {
		if own.secret.IsZero() {
			continue
		}
		name := "secret " + own.secret.Reveal()
		if owner, taken := c[name]; taken && owner != k.ID {
			report(own.field, fmt.Errorf("is also a secret of key %.64q: every key needs its own", owner))
		}
		c[name] = k.ID
	}
	c["id "+k.ID] = k.ID
}

// Add puts a key at the end of the ring.
func (r *Ring) Add(k Key) error {
	return r.edit(append(slices.Clone(r.keys), k))
}

// Remove takes a key out; on reload its sessions end.
func (r *Ring) Remove(id string) error {
	i := r.find(id)
	if i < 0 {
		return fmt.Errorf("key %.64q %w", id, ErrNoKey)
	}
	return r.edit(slices.Delete(slices.Clone(r.keys), i, i+1))
}

// Rotate gives a key a second secret, which it returns. Both are good until
// FinishRotation, so that clients can change over one by one.
func (r *Ring) Rotate(id string) (hmacauth.Secret, error) {
	next := hmacauth.NewSecret()
	err := r.change(id, func(k *Key) error {
		if !k.NextSecret.IsZero() {
			return errors.New("is being rotated already: finish with rexecd key rotate --finish, " +
				"or drop the new secret with --cancel")
		}
		k.NextSecret = next
		return nil
	})
	if err != nil {
		return hmacauth.Secret{}, err
	}
	return next, nil
}

// FinishRotation drops a key's old secret; the new one takes its place.
func (r *Ring) FinishRotation(id string) error {
	return r.change(id, func(k *Key) error {
		if k.NextSecret.IsZero() {
			return errNotRotating
		}
		k.Secret, k.NextSecret = k.NextSecret, hmacauth.Secret{}
		return nil
	})
}

// CancelRotation drops a key's new secret; the old one stays.
func (r *Ring) CancelRotation(id string) error {
	return r.change(id, func(k *Key) error {
		if k.NextSecret.IsZero() {
			return errNotRotating
		}
		k.NextSecret = hmacauth.Secret{}
		return nil
	})
}

var errNotRotating = errors.New("is not being rotated: start with rexecd key rotate")

func (r *Ring) change(id string, how func(*Key) error) error {
	i := r.find(id)
	if i < 0 {
		return fmt.Errorf("key %.64q %w", id, ErrNoKey)
	}
	keys := slices.Clone(r.keys)
	if err := how(&keys[i]); err != nil {
		return fmt.Errorf("key %.64q %w", id, err)
	}
	return r.edit(keys)
}

// edit takes the keys if they make a ring that could be read back; if not, the
// ring stays as it is.
func (r *Ring) edit(keys []Key) error {
	var first error
	claims := claims{}
	for _, k := range keys {
		report := func(field string, err error) {
			if first == nil {
				first = fmt.Errorf("key %.64q: %q %w", k.ID, field, err)
			}
		}
		k.check(report)
		claims.check(k, report)
	}
	if first != nil {
		return first
	}
	next := Ring{keys: keys}
	if n := len(next.Encode()); n > MaxSize {
		return fmt.Errorf("the ring would have %d bytes, more than %d: remove keys first", n, MaxSize)
	}
	*r = next
	return nil
}
