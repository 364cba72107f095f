package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"rexec/frame"
	"rexec/platform/text"
)

// textWords gives a START whose words are UTF-8, for a system on which words are text and no bytes.
func textWords(start frame.Start) (frame.Start, error) {
	if start.Words == "" {
		return start, nil
	}
	e, err := text.Lookup(start.Words)
	if err != nil {
		return start, err
	}
	malformed := ""
	decode := func(s string) string {
		d := string(e.Decode([]byte(s)))
		if malformed == "" && strings.ContainsRune(d, '�') && !e.Identity() {
			malformed = s
		}
		return d
	}
	decodeAll := func(list []string) []string {
		list = slices.Clone(list)
		for i, s := range list {
			list[i] = decode(s)
		}
		return list
	}
	start.Argv, start.Line, start.Cwd = decodeAll(start.Argv), decode(start.Line), decode(start.Cwd)
	start.Env, start.EnvOffered = decodeAll(start.Env), decodeAll(start.EnvOffered)
	if malformed != "" {
		return start, fmt.Errorf("%.100q is not written in %s, as the client says", malformed, e.Name())
	}
	start.Words = ""
	return start, nil
}

// modeUTF8 is the opcode of IUTF8 (RFC 8160).
const modeUTF8 = 42

// withoutUTF8 gives a terminal's modes for a command that does not speak UTF-8, whatever the terminal here does: erasing a
// character must not look for UTF-8's longer ones.
func withoutUTF8(modes map[uint8]uint32) map[uint8]uint32 {
	modes = maps.Clone(modes)
	if _, said := modes[modeUTF8]; said {
		modes[modeUTF8] = 0
	}
	return modes
}

// reading is how the audit log reads a client's words: by the encoding that they are said to be in, if that gives each
// byte back, and otherwise as they are.
type reading struct{ e text.Encoding }

func readingOf(start frame.Start) reading {
	e, err := text.Lookup(start.Words)
	if err != nil || e.Identity() {
		return reading{}
	}
	r := reading{e}
	for _, list := range [][]string{start.Argv, {start.Line, start.Cwd}, names(start.Env), names(start.EnvOffered)} {
		if slices.ContainsFunc(list, func(s string) bool { _, ok := r.exact(s); return !ok }) {
			return reading{}
		}
	}
	return r
}

// encoding is empty where words are taken as they are.
func (r reading) encoding() string {
	if r.e.Identity() {
		return ""
	}
	return r.e.Name()
}

func (r reading) exact(s string) (string, bool) {
	d := r.e.Decode([]byte(s))
	back, err := r.e.Encode(d)
	return string(d), err == nil && string(back) == s
}

// text is what a word of the client's says.
func (r reading) text(s string) string {
	if d, ok := r.exact(s); ok {
		return d
	}
	return s
}

func (r reading) list(all []string) []string {
	all = slices.Clone(all)
	for i, s := range all {
		all[i] = r.text(s)
	}
	return all
}
