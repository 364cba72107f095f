package hmacauth

import "fmt"

// maxID is the longest key id or server id, in bytes.
const maxID = 64

// ValidateID reports whether id can name a key or a server: 1 to 64 bytes of
// [a-z0-9._@-]. kind ("key id", "server id") only goes into the error.
func ValidateID(kind, id string) error {
	if id == "" {
		return fmt.Errorf("%s is empty: want 1 to %d characters of a-z 0-9 . _ @ -", kind, maxID)
	}
	if len(id) > maxID {
		return fmt.Errorf("%s %.16q... has %d bytes: want 1 to %d characters of a-z 0-9 . _ @ -", kind, id, len(id), maxID)
	}
	for i := range len(id) {
		if !idByte(id[i]) {
			return fmt.Errorf("%s %q has %q in it: want 1 to %d characters of a-z 0-9 . _ @ -", kind, id, id[i], maxID)
		}
	}
	return nil
}

func idByte(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', '0' <= b && b <= '9', b == '.', b == '_', b == '@', b == '-':
		return true
	}
	return false
}
