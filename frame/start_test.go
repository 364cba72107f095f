package frame

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var testID = []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// fullStart has every field but the two that exclude argv.
func fullStart() Start {
	return Start{
		Argv: []string{"ls", "-l"},
		Env:  []string{"A=1"},
		Cwd:  "/tmp",
		User: "ops",
		Terminal: &Terminal{
			Term:  "xterm",
			Size:  Size{Rows: 24, Cols: 80, XPix: 640, YPix: 480},
			Modes: map[uint8]uint32{3: 127, 53: 0, 1: 3},
		},
		Encoding:   "utf-8",
		NoStdin:    true,
		Timeout:    60000,
		Linger:     LingerForever,
		Keep:       30000,
		OnLost:     OnLostTree,
		Request:    testID,
		FirstTry:   1500,
		EnvOffered: []string{"LANG=C"},
	}
}

// The golden bytes of the CBOR messages, written by hand; PROTOCOL.md shows those without spaces.
const (
	goldenStart = `ae
		01 82 42 6c73 42 2d6c
		03 81 43 413d31
		04 44 2f746d70
		05 43 6f7073
		06 a3 01 45 787465726d 02 a4 01 1818 02 1850 03 190280 04 1901e0 03 a3 01 03 03 187f 1835 00
		07 45 7574662d38
		08 f5
		09 19ea60
		0a 20
		0b 197530
		0c 01
		0d 50 000102030405060708090a0b0c0d0e0f
		0e 1905dc
		10 81 46 4c414e473d43`
	goldenShell     = `a1 02 46 757074696d65`
	goldenSubsystem = `a1 0f 44 73667470`
	goldenSystems   = `a1 11 82 a2 01 45 6c696e7578 02 42 6964 a2 01 47 77696e646f7773 02 43 766572`
	goldenWords     = `a2 02 44 c4bfc2bc 12 43 67626b`
	goldenStarted   = `aa
		01 50 000102030405060708090a0b0c0d0e0f
		02 1a 0001e240
		03 45 6c696e7578
		04 47 2f62696e2f7368
		05 43 67626b
		06 02
		07 83 00 05 1903e8
		08 01
		09 193a98
		0a 47 6e6f20686f6d65`
	goldenAttach = `a8
		01 50 000102030405060708090a0b0c0d0e0f
		02 03
		03 00
		04 07
		05 82 05 09
		06 02
		07 f5
		08 a2 01 1818 02 1850`
)

func TestStartHasItsLayout(t *testing.T) {
	for golden, want := range map[string]Start{
		goldenStart:     fullStart(),
		goldenShell:     {Line: "uptime"},
		goldenSubsystem: {Subsystem: "sftp"},
		goldenSystems:   {Systems: []System{{"linux", "id"}, {"windows", "ver"}}},
		goldenWords:     {Line: "\xc4\xbf\xc2\xbc", Words: "gbk"},
		"a0":            {},
	} {
		require.Equal(t, unhex(t, golden), want.Append(nil))
		got, err := ParseStart(unhex(t, golden))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func fullStarted() Started {
	return Started{
		Session: testID, Pid: 123456, OS: "linux", Shell: "/bin/sh", Encoding: "gbk", Containment: ContainCgroup,
		Offsets: [3]uint64{0, 5, 1000}, Epoch: 1, Keep: 15000, Note: "no home",
	}
}

func TestStartedHasItsLayout(t *testing.T) {
	require.Equal(t, unhex(t, goldenStarted), fullStarted().Append(nil))
	got, err := ParseStarted(unhex(t, goldenStarted))
	require.NoError(t, err)
	require.Equal(t, fullStarted(), got)
}

func fullAttach() Attach {
	epoch, out, errOff := uint64(3), uint64(0), uint64(7)
	return Attach{
		Session: testID, Epoch: &epoch, Out: &out, Err: &errOff, In: [2]uint64{5, 9}, LastSignal: 2, Watch: true,
		Size: &Size{Rows: 24, Cols: 80},
	}
}

func TestAttachHasItsLayout(t *testing.T) {
	require.Equal(t, unhex(t, goldenAttach), fullAttach().Append(nil))
	got, err := ParseAttach(unhex(t, goldenAttach))
	require.NoError(t, err)
	require.Equal(t, fullAttach(), got)
}

// Offset 0 is a wish, none is another: the oldest held.
func TestAttachTellsOffsetZeroFromNone(t *testing.T) {
	a := Attach{Session: testID}
	got, err := ParseAttach(a.Append(nil))
	require.NoError(t, err)
	require.Nil(t, got.Out)
	a.Out = new(uint64)
	got, err = ParseAttach(a.Append(nil))
	require.NoError(t, err)
	require.NotNil(t, got.Out)
	require.Nil(t, got.Err)
}

func TestSem21_ArgvPassesVerbatim(t *testing.T) {
	var all []byte
	for b := 1; b < 256; b++ {
		all = append(all, byte(b))
	}
	words := []string{string(all), "", " ", "a b", `"'\`, "$(reboot)", "new\nline", "-n", "--", "命令", "\xb2\xbb", "\xff\xfe"}
	for b := 1; b < 256; b++ {
		words = append(words, string([]byte{byte(b)}))
	}
	s := Start{Argv: words, Env: []string{"X=" + string(all)}, EnvOffered: []string{"Y=" + string(all)}, Cwd: string(all)}
	got, err := ParseStart(s.Append(nil))
	require.NoError(t, err)
	require.Equal(t, s, got)

	line := Start{Line: string(all)}
	got, err = ParseStart(line.Append(nil))
	require.NoError(t, err)
	require.Equal(t, line, got)
}

func TestSem21_NULIsRefused(t *testing.T) {
	for says, s := range map[string]Start{
		`start: word 1 ("a\x00b") has a NUL byte`:              {Argv: []string{"x", "a\x00b"}},
		`start: shell line "\x00" has a NUL byte`:              {Line: "\x00"},
		`start: cwd "/\x00" has a NUL byte`:                    {Cwd: "/\x00"},
		`start: user "\x00" has a NUL byte`:                    {User: "\x00"},
		`start: encoding "\x00" has a NUL byte`:                {Encoding: "\x00"},
		`start: subsystem "\x00" has a NUL byte`:               {Subsystem: "\x00"},
		`start: terminal name "vt\x00" has a NUL byte`:         {Terminal: &Terminal{Term: "vt\x00"}},
		`start: environment entry "A=\x00" is not NAME=VALUE`:  {Env: []string{"B=", "A=\x00"}},
		`start: environment entry "A\x00=1" is not NAME=VALUE`: {EnvOffered: []string{"A\x00=1"}},
		`start: environment entry "\x00" is not NAME=VALUE`:    {EnvOffered: []string{"\x00"}},
	} {
		requireRefused(t, s, ParseStart, says)
	}
}

// requireRefused wants the same refusal before m is sent and after it came, and nothing of it handed on.
func requireRefused[M interface {
	message
	Append([]byte) []byte
}](t *testing.T, m M, parse func([]byte) (M, error), says string) {
	t.Helper()
	require.EqualError(t, m.Validate(), says)
	got, err := parse(m.Append(nil))
	require.EqualError(t, err, says)
	require.Zero(t, got)
}

func TestStartRefusesWhatCanNeverRun(t *testing.T) {
	const most = math.MaxInt64 / 1000000
	for says, s := range map[string]Start{
		"start: environment entry \"A\" is not NAME=VALUE":              {Env: []string{"A"}},
		"start: environment entry \"=A\" is not NAME=VALUE":             {Env: []string{"=A"}},
		"start: environment entry \"\" is not NAME=VALUE":               {EnvOffered: []string{""}},
		"start: encoding of the words \"g\\x00\" has a NUL byte":        {Words: "g\x00"},
		"start: timeout -1 ms, must be 0 to 9223372036854":              {Timeout: -1},
		"start: timeout 9223372036855 ms, must be 0 to 9223372036854":   {Timeout: most + 1},
		"start: linger -2 ms, must be -1 to 9223372036854":              {Linger: -2},
		"start: linger 9223372036855 ms, must be -1 to 9223372036854":   {Linger: most + 1},
		"start: keep -1 ms, must be 0 to 9223372036854":                 {Keep: -1},
		"start: keep 9223372036855 ms, must be 0 to 9223372036854":      {Keep: most + 1},
		"start: first try -1 ms, must be 0 to 9223372036854":            {FirstTry: -1},
		"start: first try 9223372036855 ms, must be 0 to 9223372036854": {FirstTry: most + 1},
		"start: unknown on_lost 4":                                      {OnLost: 4},
		"start: a request id of 15 bytes, must be 16":                   {Request: testID[:15]},
		"start: a request id of 17 bytes, must be 16":                   {Request: append(testID[:16:16], 1)},
		`start: system "linux" has two lines`:                           {Systems: []System{{"linux", "a"}, {"windows", "b"}, {"linux", "c"}}},

		`start: the line "a" of system "": neither may be empty or have a NUL byte`:          {Systems: []System{{"", "a"}}},
		`start: the line "" of system "linux": neither may be empty or have a NUL byte`:      {Systems: []System{{"linux", ""}}},
		`start: the line "a\x00" of system "linux": neither may be empty or have a NUL byte`: {Systems: []System{{"linux", "a\x00"}}},
	} {
		requireRefused(t, s, ParseStart, says)
	}
	const exclude = "start: argv, shell line and subsystem exclude each other"
	for _, s := range []Start{
		{Argv: []string{"a"}, Line: "b"},
		{Argv: []string{"a"}, Subsystem: "sftp"},
		{Line: "b", Subsystem: "sftp"},
		{Argv: []string{"a"}, Line: "b", Subsystem: "sftp"},
		{Argv: []string{"a"}, Systems: []System{{"linux", "b"}}},
		{Subsystem: "sftp", Systems: []System{{"linux", "b"}}},
	} {
		requireRefused(t, s, ParseStart, exclude)
	}
	for _, s := range []Start{
		{}, {Timeout: most, Linger: most, Keep: most, FirstTry: most}, {OnLost: OnLostNone}, {OnLost: OnLostHangup},
		{Env: []string{"A=", "B==", "C=a=b"}}, {Argv: []string{""}}, {Request: []byte{}}, fullStart(),
	} {
		require.NoError(t, s.Validate())
	}
}

func TestStartIsSettledForOneSystem(t *testing.T) {
	s := Start{Cwd: "/", Systems: []System{{"linux", "id"}, {"windows", "ver"}}}
	for os, want := range map[string]string{"linux": "id", "windows": "ver"} {
		got, ok := s.For(os)
		require.True(t, ok)
		require.Equal(t, Start{Cwd: "/", Line: want}, got)
	}
	_, ok := s.For("darwin")
	require.False(t, ok)
	s.Line = "uname"
	got, ok := s.For("darwin")
	require.True(t, ok)
	require.Equal(t, "uname", got.Line)
	got, ok = fullStart().For("linux")
	require.True(t, ok)
	require.Equal(t, fullStart(), got)
}

// With two faults the first is told, always the same one.
func TestStartTellsTheSameFaultEveryTime(t *testing.T) {
	s := Start{Line: "\x00", Cwd: "\x00", User: "\x00", Encoding: "\x00"}
	for range 20 {
		require.EqualError(t, s.Validate(), `start: shell line "\x00" has a NUL byte`)
	}
}

func TestStartedRefusesIdsAndTimes(t *testing.T) {
	for says, s := range map[string]Started{
		"started: a session id of 0 bytes, must be 16":               {},
		"started: a session id of 15 bytes, must be 16":              {Session: testID[:15]},
		"started: pid -1 is below zero":                              {Session: testID, Pid: -1},
		"started: keep -1 ms, must be 0 to 9223372036854":            {Session: testID, Keep: -1},
		"started: keep 9223372036855 ms, must be 0 to 9223372036854": {Session: testID, Keep: maxMillis + 1},
	} {
		requireRefused(t, s, ParseStarted, says)
	}
	require.NoError(t, Started{Session: testID}.Validate())
}

func TestAttachRefusesIdsAndRanges(t *testing.T) {
	for says, a := range map[string]Attach{
		"attach: a session id of 0 bytes, must be 16":      {},
		"attach: a session id of 17 bytes, must be 16":     {Session: append(testID[:16:16], 1)},
		"attach: lane 1 from 9 to 8 ends before it begins": {Session: testID, In: [2]uint64{9, 8}},
	} {
		requireRefused(t, a, ParseAttach, says)
	}
	require.NoError(t, Attach{Session: testID, In: [2]uint64{9, 9}}.Validate())
}

func TestRequestsAreEqualOnlyWithAnId(t *testing.T) {
	other := []byte(strings.Repeat("x", 16))
	require.True(t, EqualRequest(testID, append([]byte(nil), testID...)))
	require.False(t, EqualRequest(testID, other))
	require.False(t, EqualRequest(nil, nil))
	require.False(t, EqualRequest(testID, nil))
	require.False(t, EqualRequest([]byte{}, []byte{}))
	require.False(t, EqualRequest(testID[:8], testID[:8]))
}
