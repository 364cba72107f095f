package inventory

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryFieldOfAHostIsDescribedAndNoOther(t *testing.T) {
	text, err := os.ReadFile("../../packaging/gen/rexec-hosts.5.md")
	require.NoError(t, err)
	var described []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		described = append(described, m[1])
	}
	slices.Sort(described)
	_, err = parseHosts("f", []byte("[[host]]\nname = 'a'\nno = 1\n"))
	require.Error(t, err)
	_, known, found := strings.Cut(err.Error(), "want one of ")
	require.True(t, found)
	assert.Equal(t, strings.Fields(known), described)
}

func TestTheExampleOfTheManPageIsGood(t *testing.T) {
	text, err := os.ReadFile("../../packaging/gen/rexec-hosts.5.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(text), "## Example\n")
	require.True(t, found)
	inv := opened(t, strings.ReplaceAll(example, "    ", ""))
	hosts, err := inv.Expand("@rest,printer")
	require.NoError(t, err)
	assert.Len(t, hosts, 31)
}

func TestSignsOfTheManPageMeanWhatItSays(t *testing.T) {
	text, err := os.ReadFile("../../packaging/gen/rexec-hosts.5.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| (`%.*`) \\| (`.*`) \\|").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		signs, results := strings.Split(row[1], ", "), strings.Split(row[2], ", ")
		for i, sign := range signs {
			got, err := substitute(strings.Trim(sign, "`"), "r2n007", []string{"2", "007"})
			require.NoError(t, err, sign)
			assert.Equal(t, strings.Trim(results[i], "`"), got, sign)
		}
	}
}
