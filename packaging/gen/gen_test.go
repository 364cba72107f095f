package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/internal/e2e/sources"
)

func TestManPagesAreNotStale(t *testing.T) {
	require.NoError(t, sources.Look("../..")) // what the programs say of themselves
	made, err := generate("../..")
	require.NoError(t, err)
	require.Len(t, made, len(pages))
	for path, want := range made {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "%s is stale: go run ./packaging/gen", path)
	}
}

func TestNothingInATextIsARequestOfRoff(t *testing.T) {
	got, err := roff("# x\n\n.SH evil `a-b` \\fB\n'quote\n\n    .code\n    it's\n\n| key | meaning |\n|---|---|\n| `k` | .text |\n\n## more\n\n{{prog --help}}\n",
		func(words string) (string, error) { return "said " + words + "\n", nil })
	require.NoError(t, err)
	assert.Equal(t, `.SH DESCRIPTION
.PP
\&.SH evil \fBa\-b\fP \efB
\&'quote
.PP
.PP
.nf
.RS
\&.code
it's
.RE
.fi
.TP
\fBk\fP
\&.text
.SH MORE
.PP
.PP
.nf
.RS
said prog \-\-help
.RE
.fi
`, got)
}
