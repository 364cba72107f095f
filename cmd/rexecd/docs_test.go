package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryKeyOfTheConfigurationIsDescribedAndNoOther(t *testing.T) {
	dir := state(t)
	write(t, dir, conf, "", base+"unknown = 1\n")
	_, known, found := strings.Cut(rexecd(t, "check", "--state", dir).err, "want one of ")
	require.True(t, found)
	text, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	var described []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		described = append(described, m[1])
	}
	slices.Sort(described)
	assert.Equal(t, strings.Fields(known), described, "docs/configuration.md")
}

func TestTheExampleOfTheReferenceIsGood(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(text), "## Example\n")
	require.True(t, found)
	dir := state(t)
	write(t, dir, conf, "", strings.ReplaceAll(example, "    ", ""))
	_, err = readConfig(filepath.Join(dir, conf))
	require.NoError(t, err)
}
