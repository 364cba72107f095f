package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"rexec/hmacauth"
	"rexec/internal/secretfile"
)

// maxTokenFile is more than a token needs, so that somebody who gives another
// kind of key file is told so instead of that it is too long.
const maxTokenFile = 64 << 10

// Token reads the host's token from keys/. Anything but a regular file that is
// this user's, or root's, and closed to others is refused; see
// secretfile.Read.
func (inv *Inventory) Token(host Host) (hmacauth.Token, error) {
	key := host.KeyName()
	if err := checkKeyName(key); err != nil {
		return hmacauth.Token{}, err
	}
	tok, err := ReadTokenFile(inv.path(keysDir, key))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: bring the host's token, or its lab's key, there", err)
	}
	return tok, err
}

// KeyName is the file in keys/.
func (h Host) KeyName() string {
	if h.Key == "" {
		return h.Name
	}
	return h.Key
}

// Server is the name that the host's daemon must prove to go by: the entry's,
// else the token's, else, with a lab's token, the host's own in lower case.
func (h Host) Server(tok hmacauth.Token) string {
	switch {
	case h.ServerID != "":
		return h.ServerID
	case tok.ServerID != "":
		return tok.ServerID
	}
	return strings.ToLower(h.Name)
}

// KeyFile is where the key of that name is kept.
func (inv *Inventory) KeyFile(name string) string { return inv.path(keysDir, name) }

// ReadTokenFile reads a file that holds one token and nothing else, under the
// same conditions. Its errors name the file and hold nothing of what is in it.
func ReadTokenFile(path string) (hmacauth.Token, error) {
	data, err := secretfile.Read(path, maxTokenFile)
	if err != nil {
		return hmacauth.Token{}, fmt.Errorf("token: %w", err)
	}
	defer clear(data)
	tok, err := hmacauth.ParseToken(string(data))
	if err != nil {
		return hmacauth.Token{}, fmt.Errorf("%s: %w", path, err)
	}
	return tok, nil
}
