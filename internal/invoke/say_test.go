package invoke

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTokensAreTakenOutOfWhatIsSaid(t *testing.T) {
	for said, want := range map[string]string{
		"no token":                       "no token",
		"host rxt1_AbC-9_z is not known": "host (a token) is not known",
		"rxt1_a":                         "(a token)",
		"rxt12_a,rxt2_b":                 "(a token),(a token)",
		"rxtrxt1_a.":                     "rxt(a token).",
		"rxt1_":                          "rxt1_",
		"rxt_a rxt1a rxt":                "rxt_a rxt1a rxt",
		"rxt1_é":                         "rxt1_é",
		"":                               "",
	} {
		assert.Equal(t, want, withoutTokens(said), said)
	}
}
