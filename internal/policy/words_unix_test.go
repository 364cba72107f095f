//go:build unix

package policy

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSem48_SplittingAgreesWithTheShell asks the system's shell about lines
// made of everything that matters to splitting.
func TestSem48_SplittingAgreesWithTheShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	pieces := []string{
		"a", "b", " ", "\t", "'", `"`, `\`, "\\\n", "#", "~", "=", ":", "!", "%", "^", ",", "]", "$", ";", "*", "-",
	}
	random := rand.New(rand.NewPCG(1, 2))
	var script, want strings.Builder
	script.WriteString(`put() { for a in "$@"; do printf '<%s>' "$a"; done; echo; }` + "\n")
	accepted := 0
	for range 20000 {
		var line strings.Builder
		for range random.IntN(8) {
			line.WriteString(pieces[random.IntN(len(pieces))])
		}
		argv, err := SplitLine(line.String())
		if err != nil {
			continue
		}
		accepted++
		script.WriteString("put " + line.String() + "\n")
		for _, arg := range argv {
			want.WriteString("<" + arg + ">")
		}
		want.WriteByte('\n')
	}
	require.Greater(t, accepted, 1000)
	cmd := exec.Command(sh, "-s")
	cmd.Stdin = strings.NewReader(script.String())
	got, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, want.String(), string(got))
}
