package frame

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// Generators of what Validate takes. Empty lists are nil: on the wire they are the same.

func drawWord(t *rapid.T, label string) string {
	return string(rapid.SliceOfN(rapid.ByteRange(1, 255), 0, 12).Draw(t, label))
}

func drawWords(t *rapid.T, label string) []string {
	var words []string
	for range rapid.IntRange(0, 4).Draw(t, label+" count") {
		words = append(words, drawWord(t, label))
	}
	return words
}

func drawEnv(t *rapid.T, label string) []string {
	env := drawWords(t, label)
	for i := range env {
		env[i] = "N=" + env[i]
	}
	return env
}

func drawID(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id") }

func drawMillis(t *rapid.T, label string) int64 { return rapid.Int64Range(0, maxMillis).Draw(t, label) }

func drawSize(t *rapid.T) Size {
	n := func(label string) uint16 { return rapid.Uint16().Draw(t, label) }
	return Size{Rows: n("rows"), Cols: n("cols"), XPix: n("xpix"), YPix: n("ypix")}
}

func drawOffset(t *rapid.T, label string) *uint64 {
	if rapid.Bool().Draw(t, label+" present") {
		v := rapid.Uint64().Draw(t, label)
		return &v
	}
	return nil
}

func drawStart(t *rapid.T) Start {
	s := Start{
		Env:        drawEnv(t, "env"),
		Cwd:        drawWord(t, "cwd"),
		User:       drawWord(t, "user"),
		Encoding:   drawWord(t, "encoding"),
		NoStdin:    rapid.Bool().Draw(t, "no stdin"),
		Timeout:    drawMillis(t, "timeout"),
		Linger:     rapid.Int64Range(LingerForever, maxMillis).Draw(t, "linger"),
		Keep:       drawMillis(t, "keep"),
		OnLost:     OnLost(rapid.Uint8Range(0, 3).Draw(t, "on lost")),
		FirstTry:   drawMillis(t, "first try"),
		EnvOffered: drawEnv(t, "offered"),
		Words:      drawWord(t, "encoding of the words"),
	}
	switch rapid.IntRange(0, 4).Draw(t, "way") {
	case 1:
		s.Argv = drawWords(t, "argv")
	case 2:
		s.Line = drawWord(t, "line")
	case 3:
		s.Subsystem = drawWord(t, "subsystem")
	case 4:
		for _, os := range []string{"linux", "windows", "darwin"}[:rapid.IntRange(0, 3).Draw(t, "systems")] {
			s.Systems = append(s.Systems, System{os, "x" + drawWord(t, "line")})
		}
	}
	if rapid.Bool().Draw(t, "terminal") {
		s.Terminal = &Terminal{Term: drawWord(t, "term"), Size: drawSize(t)}
		if m := rapid.MapOf(rapid.Uint8(), rapid.Uint32()).Draw(t, "modes"); len(m) > 0 {
			s.Terminal.Modes = m
		}
	}
	if rapid.Bool().Draw(t, "request") {
		s.Request = drawID(t)
	}
	return s
}

func drawStarted(t *rapid.T) Started {
	n := func(label string) uint64 { return rapid.Uint64().Draw(t, label) }
	return Started{
		Session:     drawID(t),
		Pid:         rapid.Int64Min(0).Draw(t, "pid"),
		OS:          drawWord(t, "os"),
		Shell:       drawWord(t, "shell"),
		Encoding:    drawWord(t, "encoding"),
		Containment: Containment(rapid.Uint8().Draw(t, "containment")),
		Offsets:     [3]uint64{n("lane 1"), n("lane 2"), n("lane 3")},
		Epoch:       n("epoch"),
		Keep:        drawMillis(t, "keep"),
		Note:        drawWord(t, "note"),
	}
}

func drawAttach(t *rapid.T) Attach {
	from := rapid.Uint64().Draw(t, "from")
	a := Attach{
		Session:    drawID(t),
		Epoch:      drawOffset(t, "epoch"),
		Out:        drawOffset(t, "out"),
		Err:        drawOffset(t, "err"),
		In:         [2]uint64{from, rapid.Uint64Min(from).Draw(t, "to")},
		LastSignal: rapid.Uint32().Draw(t, "signal"),
		Watch:      rapid.Bool().Draw(t, "watch"),
	}
	if rapid.Bool().Draw(t, "size") {
		s := drawSize(t)
		a.Size = &s
	}
	return a
}

func drawVerdict(t *rapid.T) Verdict {
	n := func(label string) uint64 { return rapid.Uint64().Draw(t, label) }
	us := func(label string) int64 { return rapid.Int64Range(0, maxMicros).Draw(t, label) }
	v := Verdict{
		Kind:      Kind(rapid.Uint8Range(1, 9).Draw(t, "kind")),
		Code:      rapid.Int64().Draw(t, "code"),
		Core:      rapid.Bool().Draw(t, "core"),
		Held:      Held(rapid.Uint8Range(0, 3).Draw(t, "held")),
		Survivors: rapid.Uint32().Draw(t, "survivors"),
		Wall:      us("wall"),
		User:      us("user"),
		System:    us("system"),
		Peak:      n("peak"),
		Reason:    drawWord(t, "reason"),
	}
	if v.Kind.Ran() {
		v.In, v.Out, v.Err = n("in"), n("out"), n("err")
	}
	if v.Kind != Exited {
		v.Signal = rapid.StringMatching(`[A-Z0-9+]{1,16}`).Draw(t, "signal")
	}
	return v
}

// returns holds that a message which is valid comes back as it was sent, and its payload byte for byte.
func returns[M interface{ Append([]byte) []byte }](draw func(*rapid.T) M, parse func([]byte) (M, error)) func(*rapid.T) {
	return func(t *rapid.T) {
		m := draw(t)
		p := m.Append(nil)
		got, err := parse(p)
		assert.NoError(t, err)
		assert.Equal(t, m, got)
		assert.Equal(t, p, got.Append(nil))
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	for name, property := range map[string]func(*rapid.T){
		"START":   returns(drawStart, ParseStart),
		"STARTED": returns(drawStarted, ParseStarted),
		"ATTACH":  returns(drawAttach, ParseAttach),
		"VERDICT": returns(drawVerdict, ParseVerdict),
		"START tcp": returns(func(t *rapid.T) Dial {
			return Dial{
				Network: rapid.SampledFrom([]string{"tcp", "unix"}).Draw(t, "network"),
				Address: "a" + drawWord(t, "address"),
				Origin:  drawWord(t, "origin"),
			}
		}, ParseDial),
		"STARTED tcp": returns(func(t *rapid.T) Connected {
			return Connected{Session: rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "session"), Address: drawWord(t, "address")}
		}, ParseConnected),
		"OPEN": returns(func(t *rapid.T) Open {
			n := func(label string) uint64 { return rapid.Uint64Range(0, MaxCredit).Draw(t, label) }
			return Open{Kind: rapid.StringMatching(`[a-z0-9._@-]{1,32}`).Draw(t, "kind"), Credit: [2]uint64{n("a"), n("b")}}
		}, ParseOpen),
		"ACCEPT": returns(func(t *rapid.T) Accept {
			n := func(label string) uint64 { return rapid.Uint64Range(0, MaxCredit).Draw(t, label) }
			return Accept{Credit: [2]uint64{n("a"), n("b")}}
		}, ParseAccept),
		"RESET": returns(func(t *rapid.T) Ending {
			return Ending{Code: Code(rapid.Uint16().Draw(t, "code")), Text: string(rapid.SliceOfN(rapid.Byte(), 0, MaxText).Draw(t, "text"))}
		}, ParseEnding),
		"CREDIT": returns(func(t *rapid.T) Credit {
			consumed := rapid.Uint64Max(1<<63).Draw(t, "consumed")
			return Credit{Consumed: consumed, Limit: consumed + rapid.Uint64Range(0, MaxCredit).Draw(t, "ahead")}
		}, ParseCredit),
		"RESIZE": returns(drawSize, ParseSize),
		"SIGNAL": returns(func(t *rapid.T) Signal {
			return Signal{Seq: rapid.Uint32Min(1).Draw(t, "seq"), Name: rapid.StringMatching(`[A-Z0-9+]{1,16}`).Draw(t, "name")}
		}, ParseSignal),
	} {
		t.Run(name, func(t *testing.T) { rapid.Check(t, property) })
	}
}

// However long a text is, what is sent is at most the limit, a beginning of it, and cut in no character.
func TestAnyTextIsCutToABeginningOfItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 2000, 4000).Draw(t, "text")
		e, err := ParseEnding(Ending{Text: text}.Append(nil))
		assert.NoError(t, err)
		assert.LessOrEqual(t, len(e.Text), MaxText)
		assert.Equal(t, text[:len(e.Text)], e.Text)
		assert.True(t, len(text) <= MaxText || len(e.Text) > MaxText-4)
		assert.Equal(t, []rune(text)[:len([]rune(e.Text))], []rune(e.Text))
	})
}
