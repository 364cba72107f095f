package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
	"rexec/internal/invoke"
)

// stream collects what is written to it, each Write by itself.
type stream struct {
	mu     sync.Mutex
	writes []string
	err    error
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.writes, "")
}

// shownOn is a screen that is no terminal.
func shownOn() (*Screen, *stream, *stream) {
	out, err := &stream{}, &stream{}
	return NewScreen(out, err, false, false, nil), out, err
}

func someHosts(names ...string) []Host {
	hosts := make([]Host, len(names))
	for i, n := range names {
		hosts[i] = Host{Name: n, Index: i}
		hosts[i].Config.Address = "addr-" + n + ":7522"
	}
	return hosts
}

func put(t *testing.T, s Sink, text string) {
	t.Helper()
	_, err := s.Write([]byte(text))
	require.NoError(t, err)
}

func end(t *testing.T, sinks ...Sink) {
	t.Helper()
	for _, s := range sinks {
		require.NoError(t, s.End())
	}
}

func TestSem54_LiveLinesAreAtomicAndTheLastOneIsWhole(t *testing.T) {
	screen, out, errs := shownOn()
	hosts := someHosts("a", "lab10")
	l := NewLive(screen, Style{}, hosts)
	aOut, aErr := l.Started(hosts[0], &frame.Started{})
	bOut, bErr := l.Started(hosts[1], &frame.Started{Note: "no home"})
	put(t, aOut, "one\ntw")
	put(t, bOut, "b\r\n\x1b[2J")
	put(t, aErr, "oops\n")
	put(t, aOut, "o\nlast")
	end(t, aOut, aErr, bOut, bErr)
	l.Ended(Result{Host: hosts[0], State: Failed, Code: 3})
	l.Ended(Result{Host: hosts[1], State: Unreachable, Words: "no\nway"})
	assert.Equal(t, []string{"a: one\n", "lab10: b\n", "a: two\n", "a: last\n", "lab10: \\x1b[2J\n"}, out.writes)
	assert.Equal(t, []string{"rexec: lab10: no home\n", "a: oops\n", "rexec: lab10: no\\nway\n"}, errs.writes)
}

func TestPrefixesAreAlignedAndColouredWhereSomebodyLooks(t *testing.T) {
	screen, out, errs := shownOn()
	hosts := someHosts("a", "实验10")
	l := NewLive(screen, Style{Align: true, Colour: true}, hosts)
	o, e := l.Started(hosts[0], &frame.Started{})
	o2, _ := l.Started(hosts[1], &frame.Started{})
	put(t, o, "x\n")
	put(t, o2, "x\n")
	put(t, e, "x\n")
	assert.Equal(t, "\x1b[36ma:\x1b[0m    x\n\x1b[32m实验10:\x1b[0m x\n", out.String())
	assert.Equal(t, "\x1b[36ma\x1b[31m:\x1b[0m    x\n", errs.String())

	screen, out, _ = shownOn()
	l = NewLive(screen, Style{Align: true, Raw: true, Quiet: true}, hosts)
	o, _ = l.Started(hosts[0], &frame.Started{Note: "no home"})
	put(t, o, "\x1b[31mx\n")
	l.Ended(Result{Host: hosts[0], Words: "lost"})
	assert.Equal(t, "a:    \x1b[31mx\n", out.String())
}

func TestManyHostsWriteAtOnceAndNoLineIsMixed(t *testing.T) {
	screen, out, _ := shownOn()
	hosts := someHosts("a", "b", "c", "d")
	l := NewLive(screen, Style{}, hosts)
	var all sync.WaitGroup
	for _, h := range hosts {
		o, _ := l.Started(h, &frame.Started{})
		all.Go(func() {
			text := strings.Repeat(strings.Repeat(h.Name, 50)+"\n", 200)
			for len(text) > 0 {
				n := min(len(text), 37)
				_, _ = o.Write([]byte(text[:n]))
				text = text[n:]
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, 800)
	for _, line := range lines {
		require.Equal(t, line[:1]+": "+strings.Repeat(line[:1], 50), line)
	}
}

// folded runs outputs through a Fold: stdout of each host, stderr behind a |.
func folded(t *testing.T, style Style, outputs map[string]string, order ...string) (string, string) {
	t.Helper()
	screen, out, errs := shownOn()
	f := NewFold(screen, style, storeIn(t))
	for _, h := range someHosts(order...) {
		o, e := f.Started(h, &frame.Started{})
		stdout, stderr, _ := strings.Cut(outputs[h.Name], "|")
		for _, c := range stdout {
			put(t, o, string(c))
		}
		put(t, e, stderr)
		end(t, o, e)
	}
	require.NoError(t, f.Show())
	return out.String(), errs.String()
}

func TestSem54_FoldMergesWhatIsTheSame(t *testing.T) {
	out, errs := folded(t, Style{}, map[string]string{"lab1": "ok\n", "lab2": "ok", "lab3": "ok\r\n", "lab4": "no\n|why\n", "lab5": "|why\n"},
		"lab1", "lab2", "lab3", "lab4", "lab5")
	assert.Equal(t, "lab[1-3]: ok\nlab4: no\nlab5: (no output)\n", out)
	assert.Equal(t, "lab[4-5]: why\n", errs)

	out, _ = folded(t, Style{}, map[string]string{}, "lab1", "lab2")
	assert.Empty(t, out, "nobody said anything")
}

func TestOddOnesAreShownAsADifferenceFromTheMajority(t *testing.T) {
	same := "one\ntwo\nthree\nfour\n"
	out, _ := folded(t, Style{}, map[string]string{
		"lab1": same, "lab2": same, "lab3": same, "lab4": same,
		"lab5": "one\nTWO\x1b\nthree\nfour\nfive\n", "lab6": "something\nelse\n", "lab7": "one\ntwo\nfour\n",
	}, "lab7", "lab6", "lab5", "lab4", "lab3", "lab2", "lab1")
	assert.Equal(t, `lab[1-4] (4 hosts):
  one
  two
  three
  four
lab7 (1 host), other than lab[1-4]:
  @@ -3 +2,0 @@
- three
lab6 (1 host):
  something
  else
lab5 (1 host), other than lab[1-4]:
  @@ -2 +2 @@
- two
+ TWO\x1b
  @@ -4,0 +5 @@
+ five
`, out)

	out, _ = folded(t, Style{}, map[string]string{"a": "1\n2\n3\n", "b": "1\n2\n4\n"}, "a", "b")
	assert.Equal(t, "a (1 host):\n  1\n  2\n  3\nb (1 host):\n  1\n  2\n  4\n", out, "half is no majority")

	out, _ = folded(t, Style{Colour: true}, map[string]string{"a": "1\n2\n3\n4\n", "b": "1\n2\n3\n4\n", "c": "1\n2\n3\n5\n"}, "a", "b", "c")
	assert.Contains(t, out, "\x1b[1mc\x1b[0m (1 host)")
	assert.Contains(t, out, "\x1b[31m- 4\x1b[0m\n\x1b[32m+ 5\x1b[0m\n")
}

func TestErrorLinesOfManyAreSaidOnce(t *testing.T) {
	screen, _, errs := shownOn()
	f := NewFold(screen, Style{}, storeIn(t))
	for _, h := range someHosts("lab1", "lab2", "lab3") {
		f.Ended(Result{Host: h, State: Unreachable, Words: "cannot connect to " + h.Config.Address + ": see rexec host trust " + h.Name})
	}
	require.NoError(t, f.Show())
	assert.Equal(t, "rexec: lab[1-3]: cannot connect to its address: see rexec host trust HOST\n", errs.String())
}

func TestFoldHoldsGigabytesOutsideOfMemory(t *testing.T) {
	screen, out, _ := shownOn()
	store := storeIn(t)
	f := NewFold(screen, Style{}, store)
	line := strings.Repeat("x", 1023) + "\n"
	const lines = 20_000
	for _, h := range someHosts("a", "b") {
		o, e := f.Started(h, &frame.Started{})
		for range lines / 100 {
			put(t, o, strings.Repeat(line, 100))
		}
		end(t, o, e)
		require.Less(t, store.held, 2*blockSize)
	}
	require.NoError(t, f.Show())
	require.LessOrEqual(t, store.end, int64(2*lines*1024+2*blockSize))
	require.Len(t, store.free, int(lines*1024/blockSize), "the second host's is free again")
	text := out.String()
	require.Equal(t, lines+1, strings.Count(text, "\n"))
	for _, w := range out.writes {
		require.Less(t, len(w), 2*blockSize)
	}
}

func TestJSONHasEveryByte(t *testing.T) {
	screen, out, _ := shownOn()
	j := NewJSON(screen)
	hosts := someHosts("lab1", "lab2")
	o, e := j.Started(hosts[0], &frame.Started{Session: []byte{1, 2}, OS: "linux", Encoding: "utf-8", Containment: frame.ContainGroup})
	put(t, o, "你\x1b好\n\xff\nlast")
	put(t, e, "\n")
	end(t, o, e)
	code := int64(0)
	results := []Result{
		{Host: hosts[0], State: OK, tried: true, Status: invoke.Status{Host: "lab1", Kind: "exited", Code: &code}},
		{Host: hosts[1], State: NotStarted, Status: invoke.Status{Host: "lab2", Kind: "not_started", ErrorClass: "skipped"}},
	}
	j.Ended(results[0])
	require.NoError(t, j.Finish(results, 1))
	var got []map[string]any
	for line := range strings.Lines(out.String()) {
		var o map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &o), line)
		delete(o, "ms")
		got = append(got, o)
	}
	require.Len(t, got, 8)
	assert.Equal(t, map[string]any{"event": "start", "host": "lab1", "session": "0102", "os": "linux", "encoding": "utf-8", "containment": "group"}, got[0])
	assert.Equal(t, map[string]any{"event": "line", "host": "lab1", "stream": "stdout", "text": "你\x1b好"}, got[1])
	assert.Equal(t, map[string]any{"event": "line", "host": "lab1", "stream": "stdout", "base64": "/w=="}, got[2])
	assert.Equal(t, map[string]any{"event": "line", "host": "lab1", "stream": "stderr", "text": ""}, got[3])
	assert.Equal(t, map[string]any{"event": "line", "host": "lab1", "stream": "stdout", "text": "last", "partial": true}, got[4])
	assert.Equal(t, []any{"end", "ok", "lab1", float64(0)}, []any{got[5]["event"], got[5]["state"], got[5]["host"], got[5]["code"]})
	assert.Equal(t, []any{"end", "not_started", "lab2", nil}, []any{got[6]["event"], got[6]["state"], got[6]["host"], got[6]["code"]})
	assert.Equal(t, map[string]any{"event": "summary", "hosts": float64(2), "exit": float64(1), "sets": map[string]any{"ok": "lab1", "failed": "",
		"unknown": "", "timed_out": "", "unreachable": "", "interrupted": "", "not_started": "lab2"}}, got[7])
}

func TestAWriteThatFailsIsTheCallersToKnow(t *testing.T) {
	screen, out, errs := shownOn()
	out.err = errors.New("disk full")
	h := someHosts("a")[0]
	for _, v := range []View{NewLive(screen, Style{}, nil), NewJSON(screen)} {
		o, _ := v.Started(h, &frame.Started{Session: make([]byte, 16)})
		_, err := o.Write([]byte("x\n"))
		require.ErrorIs(t, err, out.err)
	}
	f := NewFold(screen, Style{}, storeIn(t))
	o, e := f.Started(h, &frame.Started{})
	put(t, o, "x\n")
	end(t, o, e)
	require.ErrorIs(t, f.Show(), out.err)
	require.ErrorIs(t, NewJSON(screen).Finish(nil, 0), out.err)
	require.Empty(t, errs.String())
}

func TestAFolderGetsRawBytesAndTheNextViewTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	screen, out, _ := shownOn()
	d, err := NewDir(dir, nil, NewLive(screen, Style{}, nil))
	require.NoError(t, err)
	h := someHosts("lab1")[0]
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lab1.out"), []byte("what was there before"), 0o600))
	o, e := d.Started(h, &frame.Started{})
	put(t, o, "\xff\x00raw")
	end(t, o, e)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(b)
	}
	assert.Equal(t, "\xff\x00raw", read("lab1.out"))
	assert.Equal(t, "", read("lab1.err"))
	assert.Equal(t, "lab1: \\xff\\x00raw\n", out.String())

	for _, name := range []string{"../x", "a/b", "..", ""} {
		o, _ := d.Started(Host{Name: name}, &frame.Started{})
		if name == "" || name == ".." { // ".out" and "...out" are files like others
			end(t, o)
			continue
		}
		_, err := o.Write([]byte("x"))
		require.ErrorContains(t, err, "cannot be a file's name")
		require.Error(t, o.End())
	}
}

func TestSem55_SummaryAndExitCode(t *testing.T) {
	code := func(n int64) invoke.Status { return invoke.Status{Kind: "exited", Code: &n} }
	results := []Result{
		{Host: Host{Name: "n1"}, State: OK},
		{Host: Host{Name: "n2"}, State: OK},
		{Host: Host{Name: "n3"}, State: Failed, Code: 3, Status: code(3)},
		{Host: Host{Name: "n4"}, State: Failed, Code: 137, Status: invoke.Status{Kind: "signaled", Signal: "KILL"}},
		{Host: Host{Name: "n5"}, State: Failed, Code: 254, Status: invoke.Status{Kind: "refused", ErrorClass: "refused"}},
		{Host: Host{Name: "n6"}, State: Failed, Code: 127, Status: invoke.Status{Kind: "start_failed", ErrorClass: "start"}},
		{Host: Host{Name: "n7"}, State: Failed, Code: 3, Status: code(3)},
		{Host: Host{Name: "n8"}, State: Failed, Code: 255, Status: invoke.Status{Kind: "ended", ErrorClass: "ended"}},
		{Host: Host{Name: "u1"}, State: Unreachable, Code: 255},
		{Host: Host{Name: "t1"}, State: TimedOut, Code: 124},
		{Host: Host{Name: "x1"}, State: Unknown, Code: 255},
		{Host: Host{Name: "s1"}, State: NotStarted, Code: 255},
		{Host: Host{Name: "i1"}, State: Interrupted, Code: 130},
	}
	assert.Equal(t, []string{
		"ok 2: n[1-2]", "failed 6: n[3,7] (exit 3), n4 (SIGKILL), n5 (refused), n6 (cannot start), n8 (ended)",
		"unknown 1: x1", "timed out 1: t1", "unreachable 1: u1", "interrupted 1: i1", "not started 1: s1",
	}, Summary(results))
	assert.Equal(t, 1, ExitCode(results, false))
	assert.Equal(t, 255, ExitCode(results, true))
	assert.Equal(t, 0, ExitCode(results[:2], false))
	assert.Equal(t, 0, ExitCode(results[:2], true))
	assert.Equal(t, 3, ExitCode(results[:3], true))
	assert.Equal(t, 1, ExitCode([]Result{results[0], results[11]}, true), "hosts that were not begun are not ok")
	assert.Equal(t, "a b,c", fold([]string{"a b", "c"}), "a name that no node set has")
}

// terminal shows what a terminal's last lines look like: it knows \r, \b and \n.
type terminal struct {
	mu    sync.Mutex
	lines [][]byte
	at    int
}

func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines = [][]byte{nil}
	}
	for _, c := range p {
		last := &s.lines[len(s.lines)-1]
		switch c {
		case '\r':
			s.at = 0
		case '\b':
			s.at--
		case '\n':
			s.lines, s.at = append(s.lines, nil), 0
		default:
			if s.at == len(*last) {
				*last = append(*last, ' ')
			}
			(*last)[s.at] = c
			s.at++
		}
	}
	return len(p), nil
}

func (s *terminal) text() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, strings.TrimRight(string(l), " "))
	}
	return lines
}

func TestTheProgressLineNeverMixesWithOutput(t *testing.T) {
	tty := &terminal{}
	screen := NewScreen(tty, tty, true, true, nil)
	screen.progress("10 of 20 done")
	require.NoError(t, screen.Out([]byte("a: hi\n")))
	assert.Equal(t, []string{"a: hi", ""}, tty.text())
	screen.progress("11 of 20 done, 3 not ok")
	screen.progress("12 of 20")
	assert.Equal(t, []string{"a: hi", "12 of 20"}, tty.text())
	require.NoError(t, screen.Say("x\ny"))
	screen.progress("13")
	screen.progress("")
	assert.Equal(t, []string{"a: hi", `rexec: x\ny`, ""}, tty.text())

	pipe := &bytes.Buffer{}
	screen = NewScreen(pipe, tty, false, true, pipe)
	screen.progress("14")
	require.NoError(t, screen.Out([]byte("b\n")))
	require.NoError(t, screen.Say("c"))
	assert.Equal(t, "14", tty.text()[2], "output goes elsewhere, the line stays")
	assert.Equal(t, "b\nrexec: c\n", pipe.String())
}

func TestAMutedScreenTakesNothing(t *testing.T) {
	screen, out, errs := shownOn()
	f := NewFold(screen, Style{}, storeIn(t))
	o, e := f.Started(someHosts("a")[0], &frame.Started{})
	put(t, o, "x\n")
	end(t, o, e)
	screen.Mute(true)
	require.ErrorIs(t, f.Show(), ErrMuted)
	screen.Mute(false)
	require.NoError(t, screen.Out([]byte("y\n")))
	assert.Equal(t, "y\n", out.String())
	assert.Empty(t, errs.String())
}

func TestProgressIsNarrowerThanTheTerminal(t *testing.T) {
	tty := &terminal{}
	p := &Progress{}
	p.set(Count{Hosts: 500, Begun: 128, Done: 64, NotOK: 2})
	p.Show(NewScreen(tty, tty, true, true, nil), func() int { return 20 })
	require.Eventually(t, func() bool { l := tty.text(); return len(l) > 0 && l[0] == "64 of 500 done, 64" }, 10e9, 1e6)
	p.Hide()
	assert.Equal(t, []string{""}, tty.text())
	(&Progress{}).Hide()
}

func TestProgressSaysHowLongItTakes(t *testing.T) {
	for want, c := range map[string]Count{
		"":                          {},
		"0 of 500 done, 64 running": {Hosts: 500, Begun: 64},
		"100 of 500 done, 64 running, 1 not ok, about 40s left": {Hosts: 500, Begun: 164, Done: 100, NotOK: 1},
		"500 of 500 done, 0 running":                            {Hosts: 500, Begun: 500, Done: 500},
	} {
		assert.Equal(t, want, c.line(10e9))
	}
	assert.Contains(t, fmt.Sprint(Count{Hosts: 10, Begun: 10, Done: 9}.line(1e6)), "about 1s left")
}

func TestEachHostsTextBecomesUTF8WhereItIsShown(t *testing.T) {
	gbk := "\xc4\xbf\xc2\xbc" // 目录
	screen, out, errs := shownOn()
	dir := t.TempDir()
	hosts := someHosts("win", "linux", "named", "raw", "odd")
	hosts[2].Encoding, hosts[3].Encoding = "gbk", "raw"
	r := &recorder{out: map[string]*bytes.Buffer{}, err: map[string]*bytes.Buffer{}}
	d, err := NewDir(dir, nil, NewDecoded(both{NewLive(screen, Style{}, nil), r}))
	require.NoError(t, err)
	for i, speaks := range []string{"gbk", "utf-8", "utf-8", "gbk", "martian"} {
		o, e := d.Started(hosts[i], &frame.Started{Encoding: speaks})
		for _, c := range []byte(gbk + "\r\nutf-8: 目录") { // cut at every byte
			put(t, o, string([]byte{c}))
		}
		end(t, o, e)
		d.Ended(Result{Host: hosts[i], State: OK})
		raw, err := os.ReadFile(filepath.Join(dir, hosts[i].Name+".out"))
		require.NoError(t, err)
		assert.Equal(t, gbk+"\r\nutf-8: 目录", string(raw))
	}
	// Those two characters of GBK are valid UTF-8 too: only what the host speaks tells.
	assert.Equal(t, "win: 目录\nwin: utf-8: 目录\nlinux: Ŀ¼\nlinux: utf-8: 目录\nnamed: 目录\nnamed: utf-8: 鐩\ue1bc綍\n"+
		"raw: Ŀ¼\nraw: utf-8: 目录\nodd: Ŀ¼\nodd: utf-8: 目录\n", out.String())
	assert.Contains(t, errs.String(), "rexec: odd: ")
	assert.Contains(t, errs.String(), "martian")
	var used []string
	for _, res := range r.results {
		used = append(used, res.Status.TextOut)
	}
	assert.Equal(t, []string{"auto gbk", "utf-8", "gbk", "raw", "raw"}, used)
}

// both shows on the first and tells the second of ends.
type both struct {
	*Live
	r *recorder
}

func (b both) Ended(r Result) { b.r.Ended(r) }
