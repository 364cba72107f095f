// Package policy is the key ring file: may this key do that, now, from there.
//
// Proving that somebody holds a key is hmacauth's work, which asks the ring
// for secrets through Lookup; opening and replacing the file safely is
// secretfile's. Counting sessions, timing them and ending them is the
// server's, by what a Grant says.
//
// Two questions are asked of a ring, both after mutual proof: Admit, once a
// connection, and Authorize, once for every START and ATTACH whatever its
// kind. Authorize asks Admit again, so one call is the choke point through
// which every request goes.
package policy

import (
	"slices"

	"rexec/hmacauth"
)

// Ring is a set of keys, in the order of the file, no id and no secret twice.
// Any number of goroutines may ask; whoever edits a ring must be alone with
// it. The zero value is an empty ring, which admits nobody.
type Ring struct {
	keys []Key
}

// Keys returns all keys. The slices inside them are the ring's: read only.
func (r *Ring) Keys() []Key { return slices.Clone(r.keys) }

// Key finds a key by its id.
func (r *Ring) Key(id string) (Key, bool) {
	if i := r.find(id); i >= 0 {
		return r.keys[i], true
	}
	return Key{}, false
}

// Lookup returns the secrets that prove the key, as hmacauth.ServerConfig
// wants them: zero where there is none, two zeros for an unknown id. Dates and
// sources are not looked at: to a stranger an expired key is a good one until
// the proof is done.
func (r *Ring) Lookup(keyID string) (current, next hmacauth.Secret) {
	k, _ := r.Key(keyID)
	return k.Secret, k.NextSecret
}

func (r *Ring) find(id string) int {
	return slices.IndexFunc(r.keys, func(k Key) bool { return k.ID == id })
}
