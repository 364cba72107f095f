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

func TestEveryFieldOfAKeyIsDescribedAndNoOther(t *testing.T) {
	dir := state(t)
	write(t, dir, ring, "id =", "unknown = 1\nid =")
	_, known, found := strings.Cut(rexecd(t, "check", "--state", dir).err, "want one of ")
	require.True(t, found)
	text, err := os.ReadFile("../../docs/keyring.md")
	require.NoError(t, err)
	var described []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		described = append(described, m[1])
	}
	slices.Sort(described)
	assert.Equal(t, strings.Fields(known), described, "docs/keyring.md")
}

func TestTheExampleOfTheKeyRingIsGood(t *testing.T) {
	text, err := os.ReadFile("../../docs/keyring.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(text), "## Example\n")
	require.True(t, found)
	dir := state(t)
	write(t, dir, ring, "", strings.ReplaceAll(example, "    ", ""))
	require.Equal(t, said{0, "", "rexecd: the files are good: 2 keys\n"}, rexecd(t, "check", "--state", dir))
	lines := strings.Split(rexecd(t, "key", "ls", "--state", dir).out, "\n")
	assert.Equal(t, "admin   -                     -", lines[1])
	assert.Regexp(t, `^backup +2027-01-31T00:00:00Z +user backup; 2 command patterns; no forwarding; source 192.0.2.10/32,2001:db8::/64; no terminal; 2 sessions +nightly, from the storage host$`, lines[2])
}
