package hmacauth

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidateIDTakesExactlyItsAlphabetAndLength(t *testing.T) {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789._@-"
	for b := range 256 {
		id := "x" + string([]byte{byte(b)})
		err := ValidateID("key id", id)
		if strings.IndexByte(alphabet, byte(b)) >= 0 {
			require.NoError(t, err, "%q", id)
		} else {
			require.ErrorContains(t, err, "key id \"x", "%q", id)
		}
	}
	for n := range 70 {
		err := ValidateID("server id", strings.Repeat("a", n))
		require.Equal(t, n >= 1 && n <= 64, err == nil, "length %d", n)
	}
}

func TestValidateIDErrorsAreOneShortLine(t *testing.T) {
	for _, id := range []string{"", "a\nb", "\x1b[31m", "系统", "\u202e", strings.Repeat("\x00", 1<<20), "a b"} {
		err := ValidateID("key id", id)
		require.ErrorContains(t, err, "want 1 to 64 characters of a-z 0-9 . _ @ -")
		require.Less(t, len(err.Error()), 250)
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "\u202e")
	}
}
