package inventory

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPinIsKeptUntilReplacedOrRemoved(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.SetPin("a", pinOf('1')))
	require.NoError(t, inv.SetPin("b", pinOf('2')))
	require.NoError(t, inv.SetPin("a", pinOf('3')))
	again, err := Open(inv.dir)
	require.NoError(t, err)
	for _, i := range []*Inventory{inv, again} {
		assert.Equal(t, pinOf('3'), i.Pin("a"))
		assert.Equal(t, pinOf('2'), i.Pin("b"))
	}
	require.NoError(t, again.SetPin("a", nil))
	assert.Nil(t, again.Pin("a"))
	require.NoError(t, inv.SetPin("c", pinOf('4')))
	assert.Nil(t, inv.Pin("a"), "what another process did is taken over")
	require.Error(t, inv.SetPin("a", []byte("short")))
	for _, name := range []string{"", "a b", "a\n", strings.Repeat("a", 301)} {
		require.ErrorContains(t, inv.SetPin(name, pinOf('1')), "cannot have a pin")
	}
	require.NoError(t, inv.SetPin("[2001:db8::1]:22", pinOf('1')), "what -i FILE dialled")
}

func TestReturnedPinIsACopy(t *testing.T) {
	inv := opened(t, "")
	pin := pinOf('1')
	require.NoError(t, inv.SetPin("a", pin))
	pin[0] = 'x'
	inv.Pin("a")[1] = 'x'
	assert.Equal(t, pinOf('1'), inv.Pin("a"))
}

func TestOnlyTheFirstContactPins(t *testing.T) {
	inv := opened(t, "")
	other, err := Open(inv.dir)
	require.NoError(t, err)
	require.NoError(t, other.AddPin("a", pinOf('1')))
	require.NoError(t, inv.AddPin("a", pinOf('1')), "the same again")
	err = inv.AddPin("a", pinOf('2'))
	require.ErrorIs(t, err, ErrPinned)
	require.ErrorContains(t, err, "rexec host trust")
	assert.Equal(t, pinOf('1'), inv.Pin("a"))
}

func TestManyHostsArePinnedAtOnce(t *testing.T) {
	inv := opened(t, "")
	var workers sync.WaitGroup
	names := strings.Fields("a b c d e f g h i j k l m n o p")
	for _, name := range names {
		workers.Go(func() { assert.NoError(t, inv.AddPin(name, pinOf(name[0]))) })
	}
	workers.Wait()
	again, err := Open(inv.dir)
	require.NoError(t, err)
	for _, name := range names {
		assert.Equal(t, pinOf(name[0]), again.Pin(name))
	}
}

func TestBadPinsAreRefusedByPlace(t *testing.T) {
	good := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		"pins = 1":                                       `:1:1: "pins" is not known here, want one of pin`,
		"[[pin]]\nname = 'a'":                            `:1:3: "sha256" is not 64 hexadecimal digits`,
		"[[pin]]\nname = 'a'\nsha256 = 'xy'":             `:3:1: "sha256" is not 64 hexadecimal digits`,
		"[[pin]]\nname = 'a b'\nsha256 = '" + good + "'": `:2:1: "name" is not good: name "a b" cannot have a pin`,
		"[[pin]]\nname = 'a'\nsha256 = '" + good + "'\n[[pin]]\nname = 'a'\nsha256 = '" + good + "'": `:5:1: "name" "a" is in the file twice`,
	} {
		_, err := parsePins("pins.toml", []byte(text))
		assert.ErrorContains(t, err, "pins.toml"+want, text)
	}
}

func TestBadPinsFileIsNotReplaced(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, os.WriteFile(inv.path(pinsFile), []byte("what"), 0o600))
	require.Error(t, inv.SetPin("a", pinOf('1')))
	data, err := os.ReadFile(inv.path(pinsFile))
	require.NoError(t, err)
	assert.Equal(t, "what", string(data))
	_, err = Open(inv.dir)
	require.ErrorContains(t, err, pinsFile+":1:")
}

func TestPinsOfManyAreNotedAtOnceAndAConflictStopsNoOther(t *testing.T) {
	inv := opened(t, "")
	require.NoError(t, inv.AddPin("b", pinOf('1')))
	err := inv.AddPins(map[string][]byte{"a": pinOf('2'), "b": pinOf('3'), "c": pinOf('4'), "d": {1}})
	require.ErrorIs(t, err, ErrPinned)
	require.ErrorContains(t, err, `"b"`)
	require.ErrorContains(t, err, `pin of host "d" has 1 bytes`)
	for name, pin := range map[string][]byte{"a": pinOf('2'), "b": pinOf('1'), "c": pinOf('4'), "d": nil} {
		require.Equal(t, pin, inv.Pin(name), name)
	}
}
