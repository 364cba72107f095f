package invoke

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rexec/frame"
)

// sayer prints our lines.
type sayer struct {
	w       io.Writer
	host    string
	verbose bool
}

func (o Options) sayer() sayer {
	w := o.Messages
	if w == nil {
		w = o.Stderr
	}
	if w == nil {
		w = io.Discard
	}
	return sayer{w: w, host: o.Host, verbose: o.Verbose}
}

// line prints one line, whatever is in it.
func (s sayer) line(format string, args ...any) {
	prefix := "rexec: "
	if s.host != "" {
		prefix += s.host + ": "
	}
	_, _ = io.WriteString(s.w, Line(prefix+fmt.Sprintf(format, args...))+"\n") // who cannot be told, cannot be told
}

func (s sayer) story(format string, args ...any) {
	if s.verbose {
		s.line(format, args...)
	}
}

// verdictStory tells a verdict to a person.
func (o outcome) verdictStory() string {
	v := o.result.Verdict
	s := fmt.Sprintf("the verdict: %v", v.Kind)
	if v.Kind == frame.Exited || v.Kind == frame.StartFailed {
		s += fmt.Sprintf(" with code %d", v.Code)
	}
	if v.Signal != "" {
		s += " by SIG" + v.Signal
	}
	s += fmt.Sprintf(" after %v (processor %v); stdin %d bytes, stdout %d, stderr %d", micros(v.Wall), micros(v.User+v.System), v.In, o.result.Out, o.result.Err)
	if h := held(v.Held); len(h) > 0 {
		s += "; something that lives on holds its " + strings.Join(h, " and ") + " open"
	}
	if v.Survivors > 0 {
		s += fmt.Sprintf("; %d of the processes it started live on", v.Survivors)
	}
	return s
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// maxLine bounds what the other side can put on a terminal, in bytes.
const maxLine = 2048

// withoutTokens takes out tokens, also one that was cut or of a later version (rxt2_...), which land in messages where
// somebody gives one in place of a host or a file.
func withoutTokens(s string) string {
	const digits, letters = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "rxt")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		secret, marked := strings.CutPrefix(strings.TrimLeft(rest, digits), "_")
		after := strings.TrimLeft(secret, digits+letters+"_-")
		if strings.HasPrefix(rest, "_") || !marked || len(after) == len(secret) {
			b.WriteString("rxt")
			s = rest
			continue
		}
		b.WriteString("(a token)")
		s = after
	}
}

// Line makes one line, of at most a few thousand bytes, of text that may come from the other side: whatever could move a
// cursor, reorder the text or end the line is escaped. Tokens are taken out.
func Line(s string) string {
	s = withoutTokens(s)
	cut := ""
	if len(s) > maxLine {
		s, cut = s[:maxLine], "..."
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
	}
	return b.String() + cut
}
