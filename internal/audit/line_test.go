package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestALineIsExactlyThis(t *testing.T) {
	const when = `{"time":"2026-03-04T04:06:07.000000080Z",`
	for want, r := range map[string]Record{
		`"event":"daemon.started","names":["box","lab-07"]}`: {Event: DaemonStarted, Names: []string{"box", "lab-07"}},
		`"event":"daemon.reloaded"}`:                         {Event: DaemonReloaded},
		`"event":"keys.changed","added":["a"],"removed":["b","c"],"changed":["d"]}`: {
			Event: KeysChanged, Keys: &Keys{Added: []string{"a"}, Removed: []string{"b", "c"}, Changed: []string{"d"}}},
		`"event":"connection.refused","remote":"192.0.2.1:9","reason":"no","left_out":7}`: {
			Event: ConnectionRefused, Remote: "192.0.2.1:9", Reason: "no", LeftOut: 7},
		`"event":"command.accepted","session":"0f","key":"admin","remote":"192.0.2.1:9","user":"u","argv":["a b","","-x"],` +
			`"cwd":"/","env":["LANG","A"],"terminal":{"term":"xterm","rows":24,"cols":80},"request":"00ff"}`: {
			Event: CommandAccepted, Session: "0f", Key: "admin", Remote: "192.0.2.1:9", User: "u",
			Command: &Command{Argv: []string{"a b", "", "-x"}, Cwd: "/", Env: []string{"LANG", "A"},
				Terminal: &Terminal{Term: "xterm", Rows: 24, Cols: 80}, Request: []byte{0, 255}}},
		`"event":"command.accepted","line":"uptime","asked":"rm -r /","forced":true}`: {
			Event: CommandAccepted, Command: &Command{Line: "uptime", Asked: "rm -r /", Forced: true}},
		`"event":"command.start_failed","subsystem":"x","reason":"none"}`: {
			Event: StartFailed, Command: &Command{Subsystem: "x"}, Reason: "none"},
		`"event":"command.refused","shell":true,"terminal":{"term":"","rows":0,"cols":0},"rule":"terminal"}`: {
			Event: CommandRefused, Rule: "terminal", Command: &Command{Terminal: &Terminal{}}},
		`"event":"command.ended","kind":"exited","code":0,"in":0,"out":0,"err":0,"survivors":0,"wall_us":0}`: {
			Event: CommandEnded, End: &End{Kind: "exited"}},
		`"event":"command.ended","kind":"signaled","code":-1,"signal":"KILL","in":1,"out":18446744073709551615,"err":3,"survivors":4,"wall_us":1500000,"reason":"r"}`: {
			Event: CommandEnded, Reason: "r",
			End: &End{Kind: "signaled", Code: -1, Signal: "KILL", In: 1, Out: 1<<64 - 1, Err: 3, Survivors: 4, Wall: 1500 * time.Millisecond}},
	} {
		require.NoError(t, r.check())
		assert.Equal(t, when+want+"\n", lineOf(r))
	}
}

func TestTheListOfEventsIsClosed(t *testing.T) {
	for _, r := range []Record{
		{}, {Event: "command.whatever"},
		{Event: CommandAccepted}, {Event: CommandRefused}, {Event: StartFailed}, {Event: CommandEnded}, {Event: KeysChanged},
		{Event: Admitted, Command: &Command{}}, {Event: CommandAccepted, Command: &Command{}, End: &End{}},
		{Event: DaemonStopped, Keys: &Keys{}},
	} {
		l, path := logAt(t, Options{})
		assert.Error(t, l.Write(r), "%+v", r)
		assert.Empty(t, linesOf(t, path))
	}
}

func TestSem52_WhatCouldMoveACursorOrEndALineIsEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\r\tc":                      `"a\nb\r\tc"`,
		"\x1b[2J\x00\x7f\u0085":          `"\u001b[2J\u0000\u007f\u0085"`,
		"\u202e\u2066\u200f":             `"\u202e\u2066\u200f"`,
		"\u2028\u2029\u00a0\ufeff\u200b": `"\u2028\u2029\u00a0\ufeff\u200b"`,
		"\U000e0041":                     `"\udb40\udc41"`,
		`say "hi" \ / <&>`:               `"say \"hi\" \\ / <&>"`,
		"系统找不到指定的路径 目录 é 😀": `"系统找不到指定的路径 目录 é 😀"`,
		"\ufffd": `"` + "\ufffd" + `"`,
	} {
		assert.Equal(t, `,"event":"command.accepted","session":"s","line":`+want, string(fields(run(in))))
	}
}

func TestBytesThatAreNotUTF8AreTold(t *testing.T) {
	gbk := "\xd5\xd2\xb2\xbb \\xff \\ \xff"
	line := lineOf(Record{Event: CommandAccepted, Command: &Command{Argv: []string{`\`, gbk}, Cwd: `C:\x41`}})
	p := parse(t, line)
	assert.Equal(t, []string{"argv"}, p.Escaped)
	assert.Equal(t, []string{`\\`, `\xd5` + "\u04b2" + `\xbb \\xff \\ \xff`}, p.Argv)
	assert.Equal(t, `\`, p.undo("argv", p.Argv[0]), "all elements of a list")
	assert.Equal(t, gbk, p.undo("argv", p.Argv[1]))
	assert.Equal(t, `C:\x41`, p.undo("cwd", p.Cwd), "not escaped: as it is")
}

// printable asserts what every line must be.
func printable(t require.TestingT, line string) {
	require.True(t, utf8.ValidString(line))
	require.Equal(t, len(line)-1, strings.IndexByte(line, '\n'))
	for _, r := range line[:len(line)-1] {
		if !unicode.IsPrint(r) {
			require.Fail(t, "not printable", "%U in %q", r, line)
		}
	}
	require.True(t, json.Valid([]byte(line)))
}

func FuzzSem52_AnythingIsOneLineAndComesBack(f *testing.F) {
	for _, s := range []string{"", "ls", "\n", "\x1b", "\u202e", `\`, `\x41`, "\xff", "\xff\\", `\\x`, "\xed\xa0\x80", "\u2028", "目录", "\xc4\xbf"} {
		f.Add(s, s+"x", "y"+s)
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		line := lineOf(Record{Event: CommandRefused, Key: a, Reason: c,
			Command: &Command{Argv: []string{a, b, c, ""}, Asked: b, Cwd: c, Env: []string{a, c}, Terminal: &Terminal{Term: b}}})
		printable(t, line)
		p := parse(t, line)
		if p.Cut != nil {
			return // too long to come back
		}
		require.Len(t, p.Argv, 4)
		for i, s := range []string{a, b, c, ""} {
			require.Equal(t, s, p.undo("argv", p.Argv[i]))
		}
		require.Equal(t, a, p.undo("key", p.Key))
		require.Equal(t, b, p.undo("asked", p.Asked))
		require.Equal(t, c, p.undo("cwd", p.Cwd))
		require.Equal(t, c, p.undo("reason", p.Reason))
		require.Equal(t, []string{a, c}, []string{p.undo("env", p.Env[0]), p.undo("env", p.Env[1])})
	})
}

func TestSem52_AMebibyteIsCutWithItsTrueLength(t *testing.T) {
	big := strings.Repeat("\u202e", 1<<20/3+1)
	r := Record{Event: CommandRefused, Key: big, User: big, Reason: big,
		Command: &Command{Line: big, Asked: big, Cwd: big, Env: []string{"A", big, "B"}, Terminal: &Terminal{Term: big}}}
	line := lineOf(r)
	printable(t, line)
	assert.Less(t, len(line), 2*(2*maxCommand+7*maxValue)+2000, "an escape is twice as long as its three bytes")
	p := parse(t, line)
	assert.Equal(t, map[string]int{"key": len(big), "user": len(big), "line": len(big), "asked": len(big), "cwd": len(big),
		"env": len(big) + 5, "terminal": len(big), "reason": len(big)}, p.Cut)
	assert.Nil(t, p.Escaped, "nothing is cut within a character")
	assert.True(t, strings.HasPrefix(big, p.Line))
	assert.InDelta(t, maxCommand, len(p.Line), 3)
	assert.Len(t, p.Env, 2)
}

func TestSem51_WhatFitsInAStartIsNeverCut(t *testing.T) {
	for _, letter := range []string{"\xff", "录"} {
		for _, words := range []int{1, 1000} {
			argv := make([]string, words)
			for i := range argv {
				argv[i] = strings.Repeat(letter, (maxCommand-words)/words/len(letter))
			}
			argv[0] += strings.Repeat("z", maxCommand-words-len(strings.Join(argv, "")))
			p := parse(t, lineOf(Record{Event: CommandAccepted, Command: &Command{Argv: argv}}))
			require.Nil(t, p.Cut)
			require.Len(t, p.Argv, words)
			for i := range argv {
				require.True(t, argv[i] == p.undo("argv", p.Argv[i]), "word %d of %d of %q", i, words, letter)
			}
			p = parse(t, lineOf(Record{Event: CommandAccepted, Command: &Command{Argv: append(argv, "")}}))
			require.Equal(t, map[string]int{"argv": maxCommand + 1}, p.Cut, "one byte more")
		}
	}
}

func TestOneLineIsOneOfRandomRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\x00\x1b\n\\\"\u202e\u2028a目"))),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		r := Record{Event: CommandAccepted, Session: text.Draw(t, "session"), User: text.Draw(t, "user"), Remote: text.Draw(t, "remote"),
			Command: &Command{Argv: rapid.SliceOfN(text, 1, 9).Draw(t, "argv"), Cwd: text.Draw(t, "cwd"), Env: rapid.SliceOf(text).Draw(t, "env")}}
		line := lineOf(r)
		printable(t, line)
		p := parse(t, line)
		require.Nil(t, p.Cut)
		for i, s := range r.Command.Argv {
			require.Equal(t, s, p.undo("argv", p.Argv[i]))
		}
		for i, s := range r.Command.Env {
			require.Equal(t, s, p.undo("env", p.Env[i]))
		}
		require.Equal(t, []string{r.Session, r.User, r.Remote, r.Command.Cwd},
			[]string{p.undo("session", p.Session), p.undo("user", p.User), p.undo("remote", p.Remote), p.undo("cwd", p.Cwd)})
	})
}
