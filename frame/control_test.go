package frame

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	require.NoError(t, err)
	return b
}

// The golden bytes of the fixed layouts, which PROTOCOL.md shows too.
const (
	goldenOpen   = "04 65786563 0000000000040000 0000000000010000"
	goldenAccept = "0000000000040000 0000000000000000"
	goldenEnding = "0005 627965"
	goldenCredit = "0000000000020000 0000000000060000"
	goldenEOF    = "000000000007a120"
	goldenAway   = "00000e10"
	goldenResize = "0018 0050 0280 01e0"
	goldenSignal = "00000001 494e54"
	goldenCancel = "02"
)

func TestFixedMessagesHaveTheirLayout(t *testing.T) {
	open := Open{Kind: "exec", Credit: [2]uint64{262144, 65536}}
	gotOpen, err := ParseOpen(unhex(t, goldenOpen))
	require.NoError(t, err)
	require.Equal(t, open, gotOpen)
	require.Equal(t, unhex(t, goldenOpen), open.Append(nil))

	accept := Accept{Credit: [2]uint64{262144, 0}}
	gotAccept, err := ParseAccept(unhex(t, goldenAccept))
	require.NoError(t, err)
	require.Equal(t, accept, gotAccept)
	require.Equal(t, unhex(t, goldenAccept), accept.Append(nil))

	ending := Ending{Code: CodeGoingAway, Text: "bye"}
	gotEnding, err := ParseEnding(unhex(t, goldenEnding))
	require.NoError(t, err)
	require.Equal(t, ending, gotEnding)
	require.Equal(t, unhex(t, goldenEnding), ending.Append(nil))

	credit := Credit{Consumed: 131072, Limit: 393216}
	gotCredit, err := ParseCredit(unhex(t, goldenCredit))
	require.NoError(t, err)
	require.Equal(t, credit, gotCredit)
	require.Equal(t, unhex(t, goldenCredit), credit.Append(nil))

	number, err := ParseUint64(unhex(t, goldenEOF))
	require.NoError(t, err)
	require.Equal(t, uint64(500000), number)
	require.Equal(t, unhex(t, goldenEOF), AppendUint64(nil, number))

	seconds, err := ParseAway(unhex(t, goldenAway))
	require.NoError(t, err)
	require.Equal(t, uint32(3600), seconds)
	require.Equal(t, unhex(t, goldenAway), AppendAway(nil, seconds))

	size := Size{Rows: 24, Cols: 80, XPix: 640, YPix: 480}
	gotSize, err := ParseSize(unhex(t, goldenResize))
	require.NoError(t, err)
	require.Equal(t, size, gotSize)
	require.Equal(t, unhex(t, goldenResize), size.Append(nil))

	sig := Signal{Seq: 1, Name: "INT"}
	gotSig, err := ParseSignal(unhex(t, goldenSignal))
	require.NoError(t, err)
	require.Equal(t, sig, gotSig)
	require.Equal(t, unhex(t, goldenSignal), sig.Append(nil))

	reason, err := ParseCancel(unhex(t, goldenCancel))
	require.NoError(t, err)
	require.Equal(t, CancelGoodbye, reason)
}

func TestAppendKeepsWhatStandsBefore(t *testing.T) {
	for name, got := range map[string][]byte{
		"open":    Open{Kind: "tcp"}.Append([]byte("x")),
		"accept":  Accept{}.Append([]byte("x")),
		"ending":  Ending{}.Append([]byte("x")),
		"credit":  Credit{}.Append([]byte("x")),
		"number":  AppendUint64([]byte("x"), 1),
		"away":    AppendAway([]byte("x"), 1),
		"size":    Size{}.Append([]byte("x")),
		"signal":  Signal{}.Append([]byte("x")),
		"start":   Start{}.Append([]byte("x")),
		"started": Started{}.Append([]byte("x")),
		"verdict": Verdict{}.Append([]byte("x")),
		"attach":  Attach{}.Append([]byte("x")),
		"dial":    Dial{}.Append([]byte("x")),
		"reached": Connected{}.Append([]byte("x")),
	} {
		require.Equal(t, byte('x'), got[0], name)
		require.Greater(t, len(got), 1, name)
	}
}

// The lengths that Header.Check lets through are those the parsers take: neither leaves the other work.
func TestParsersRefuseEveryOtherLength(t *testing.T) {
	parse := map[Type]func([]byte) error{
		TypeAccept: func(p []byte) error { _, err := ParseAccept(p); return err },
		TypeReset:  func(p []byte) error { _, err := ParseEnding(p); return err },
		TypeGoAway: func(p []byte) error { _, err := ParseEnding(p); return err },
		TypeCredit: func(p []byte) error { _, err := ParseCredit(p); return err },
		TypeEOF:    func(p []byte) error { _, err := ParseUint64(p); return err },
		TypePing:   func(p []byte) error { _, err := ParseUint64(p); return err },
		TypePong:   func(p []byte) error { _, err := ParseUint64(p); return err },
		TypeResize: func(p []byte) error { _, err := ParseSize(p); return err },
		TypeCancel: func(p []byte) error { _, err := ParseCancel(p); return err },
		TypeAway:   func(p []byte) error { _, err := ParseAway(p); return err },
		TypeSignal: func(p []byte) error {
			if len(p) >= 4 {
				copy(p, "\x00\x00\x00\x01AAAAAAAAAAAAAAAA")
			}
			_, err := ParseSignal(p)
			return err
		},
	}
	for typ, parse := range parse {
		least, most := typ.sizes()
		for n := range most + 9 {
			p := make([]byte, n)
			require.Equal(t, n >= least && n <= most, parse(p) == nil, "%v of %d bytes", typ, n)
		}
	}
	for n := range 300 {
		for kind := range 256 {
			p := []byte(strings.Repeat("k", n))
			if n > 0 {
				p[0] = byte(kind)
				clear(p[max(1, n-16):])
			}
			_, err := ParseOpen(p)
			require.Equal(t, kind >= 1 && kind <= MaxKind && n == 1+kind+16, err == nil, "OPEN of %d bytes, kind of %d", n, kind)
		}
	}
}

func TestOpenRefusesKindsAndCredits(t *testing.T) {
	for _, c := range []struct {
		open Open
		says string
	}{
		{Open{}, "open: a kind of 0 bytes, must be 1 to 32"},
		{Open{Kind: strings.Repeat("k", 33)}, "open: a kind of 33 bytes, must be 1 to 32"},
		{Open{Kind: "Exec"}, `open: kind "Exec" has a byte outside [a-z0-9._@-]`},
		{Open{Kind: "a\x1b[2J"}, `open: kind "a\x1b[2J" has a byte outside [a-z0-9._@-]`},
		{Open{Kind: "exec", Credit: [2]uint64{MaxCredit + 1, 0}}, "open: a first credit of 16777217 bytes, the most is 16777216"},
		{Open{Kind: "exec", Credit: [2]uint64{0, MaxCredit + 1}}, "open: a first credit of 16777217 bytes, the most is 16777216"},
	} {
		require.EqualError(t, c.open.Validate(), c.says)
		got, err := ParseOpen(c.open.Append(nil))
		require.Error(t, err)
		require.Zero(t, got)
	}
	for _, kind := range []string{"exec", "tcp", "listen", "a", "az09._@-", strings.Repeat("k", 32)} {
		require.NoError(t, Open{Kind: kind, Credit: [2]uint64{MaxCredit, MaxCredit}}.Validate())
	}
	for b := range 256 {
		good := strings.IndexByte("abcdefghijklmnopqrstuvwxyz0123456789._@-", byte(b)) >= 0
		require.Equal(t, good, Open{Kind: string([]byte{byte(b)})}.Validate() == nil, "byte 0x%02x", b)
	}
	_, err := ParseOpen(nil)
	require.EqualError(t, err, "open: 0 bytes do not hold a kind and two credits")
}

func TestAcceptRefusesCredits(t *testing.T) {
	bad := Accept{Credit: [2]uint64{1, MaxCredit + 1}}
	require.EqualError(t, bad.Validate(), "accept: a first credit of 16777217 bytes, the most is 16777216")
	got, err := ParseAccept(bad.Append(nil))
	require.Error(t, err)
	require.Zero(t, got)
	require.NoError(t, Accept{Credit: [2]uint64{MaxCredit, MaxCredit}}.Validate())
}

func TestCreditRefusesWhatNoReceiverGrants(t *testing.T) {
	const top = 1<<64 - 1
	for c, good := range map[Credit]bool{
		{0, 0}:                     true,
		{5, 5}:                     true,
		{0, MaxCredit}:             true,
		{top - MaxCredit, top}:     true,
		{top, top}:                 true,
		{0, MaxCredit + 1}:         false,
		{1, 0}:                     false,
		{top, 0}:                   false,
		{top, MaxCredit - 1}:       false, // the difference wraps to a small number
		{top - MaxCredit - 1, top}: false,
	} {
		got, err := ParseCredit(c.Append(nil))
		if good {
			require.NoError(t, err)
			require.Equal(t, c, got)
			continue
		}
		require.ErrorContains(t, err, "must be 0 to 16777216 apart")
		require.Zero(t, got)
	}
}

func TestSignalRefusesNamesAndNumberZero(t *testing.T) {
	for _, c := range []struct {
		sig  Signal
		says string
	}{
		{Signal{Seq: 1}, "signal: a signal's name of 0 bytes, must be 1 to 16"},
		{Signal{Seq: 1, Name: strings.Repeat("A", 17)}, "signal: a signal's name of 17 bytes, must be 1 to 16"},
		{Signal{Seq: 1, Name: "int"}, `signal: signal "int" has a byte outside [A-Z0-9+]`},
		{Signal{Seq: 1, Name: "INT\n"}, `signal: signal "INT\n" has a byte outside [A-Z0-9+]`},
	} {
		require.EqualError(t, c.sig.Validate(), c.says)
		got, err := ParseSignal(c.sig.Append(nil))
		require.Error(t, err)
		require.Zero(t, got)
	}
	_, err := ParseSignal(Signal{Name: "INT"}.Append(nil))
	require.EqualError(t, err, "signal: number 0, they count from 1")
	for _, name := range []string{"INT", "USR1", "RTMIN+3", "34", strings.Repeat("Z", 16)} {
		require.NoError(t, Signal{Seq: 1<<32 - 1, Name: name}.Validate())
	}
}

func TestSizeTakesAnyNumbers(t *testing.T) {
	for _, s := range []Size{{}, {Rows: 65535, Cols: 65535, XPix: 65535, YPix: 65535}} {
		got, err := ParseSize(s.Append(nil))
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
}

func TestUnknownCodesAndReasonsAreTakenAsTheyAre(t *testing.T) {
	e, err := ParseEnding([]byte{0xab, 0xcd})
	require.NoError(t, err)
	require.Equal(t, Ending{Code: 0xabcd}, e)
	require.Equal(t, "code 43981", e.Code.String())
	r, err := ParseCancel([]byte{200})
	require.NoError(t, err)
	require.Equal(t, CancelReason(200), r)
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	const han = "命" // three bytes
	for name, c := range map[string]struct{ text, want string }{
		"short":               {"refused", "refused"},
		"at the limit":        {strings.Repeat("a", 1024), strings.Repeat("a", 1024)},
		"one over":            {strings.Repeat("a", 1025), strings.Repeat("a", 1024)},
		"two bytes inside":    {strings.Repeat("a", 1022) + han, strings.Repeat("a", 1022)},
		"one byte inside":     {strings.Repeat("a", 1023) + han, strings.Repeat("a", 1023)},
		"ends at the limit":   {strings.Repeat("a", 1021) + han + "b", strings.Repeat("a", 1021) + han},
		"four bytes, 3 in":    {strings.Repeat("a", 1021) + "\U00020000", strings.Repeat("a", 1021)},
		"only continuations":  {strings.Repeat("\x80", 2000), strings.Repeat("\x80", 1024)},
		"a GBK text's length": {strings.Repeat("\xb2\xbb", 1000), strings.Repeat("\xb2\xbb", 512)},
	} {
		p := Ending{Code: CodeRefused, Text: c.text}.Append(nil)
		e, err := ParseEnding(p)
		require.NoError(t, err, name)
		require.Equal(t, c.want, e.Text, name)
		require.Equal(t, CodeRefused, e.Code, name)
	}
}

func TestTextThatIsNotUTF8ArrivesAsItIs(t *testing.T) {
	e, err := ParseEnding([]byte{0, 6, 0xff, 0x1b, 0})
	require.NoError(t, err)
	require.Equal(t, Ending{CodeRefused, "\xff\x1b\x00"}, e)
}
