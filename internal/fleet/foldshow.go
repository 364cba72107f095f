package fleet

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Show prints what was held back, once all hosts have ended: stdout's groups to stdout, then stderr's and error lines to
// stderr. The first write that fails ends it.
func (f *Fold) Show() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for stream, write := range [...]func([]byte) error{f.screen.Out, f.screen.Err} {
		p := &printer{style: f.style, write: write}
		groups, hosts := f.sorted(stream)
		if silent := len(groups) == 1 && groups[0].lines == 0; len(groups) == 0 || silent {
			continue
		}
		var most *group // whose output is that of more than half
		if len(groups) > 1 && 2*len(groups[0].hosts) > hosts {
			most = groups[0]
		}
		for _, g := range groups {
			if g.lines == 0 && stream == 1 {
				continue
			}
			if err := f.showGroup(p, g, most); err != nil {
				return err
			}
		}
		if err := p.flush(); err != nil {
			return err
		}
	}
	return f.showWords()
}

// showGroup prints a group: one line behind its hosts, more of them below, an odd one by what is different.
func (f *Fold) showGroup(p *printer, g, most *group) error {
	names := f.names(g.hosts)
	if g.lines == 0 {
		return p.printf(names, ": (no output)\n")
	}
	if g.lines == 1 && g.text.length() <= diffBytes {
		text, err := g.content()
		if err != nil {
			return err
		}
		return p.line(names+": ", []byte(text[0]))
	}
	if most != nil && g != most {
		a, errA := most.content()
		b, errB := g.content()
		if hunks, ok := diff(a, b); errA == nil && errB == nil && a != nil && b != nil && ok && edits(hunks) < len(b) {
			return f.showDiff(p, names, g, most, a, b, hunks)
		}
	}
	if err := p.printf(names, " (%s):\n", countOf(len(g.hosts))); err != nil {
		return err
	}
	c := cutter{}
	var failed error
	c.line = func(text []byte, _ bool) {
		if failed == nil {
			failed = p.line("  ", text)
		}
	}
	if _, err := io.Copy(writerFunc(func(b []byte) error { c.write(b); return failed }), g.text.reader()); err != nil {
		return err
	}
	c.end()
	return failed
}

func (f *Fold) showDiff(p *printer, names string, g, most *group, a, b []string, hunks []hunk) error {
	if err := p.printf(names, " (%s), other than %s:\n", countOf(len(g.hosts)), f.names(most.hosts)); err != nil {
		return err
	}
	for _, h := range hunks {
		at := fmt.Sprintf("@@ -%s +%s @@", span(h.from, h.to), span(h.at, h.upTo))
		err := p.coloured("\x1b[36m", "  ", at)
		for _, l := range a[h.from:h.to] {
			if err == nil {
				err = p.coloured("\x1b[31m", "- ", l)
			}
		}
		for _, l := range b[h.at:h.upTo] {
			if err == nil {
				err = p.coloured("\x1b[32m", "+ ", l)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// span is a hunk's side as diff -u writes it.
func span(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

// edits counts the lines of theirs that a diff shows.
func edits(hunks []hunk) int {
	n := 0
	for _, h := range hunks {
		n += h.to - h.from + h.upTo - h.at
	}
	return n
}

// content is a group's lines; nil: it is too large to be compared.
func (g *group) content() ([]string, error) {
	if g.text.length() > diffBytes {
		return nil, nil
	}
	b, err := io.ReadAll(g.text.reader())
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), nil
}

// showWords says error lines, those of many hosts once, in the order in which they first came.
func (f *Fold) showWords() error {
	var order []string
	by := map[string][]Host{}
	for _, s := range f.words {
		if by[s.words] == nil {
			order = append(order, s.words)
		}
		by[s.words] = append(by[s.words], s.host)
	}
	for _, words := range order {
		if err := f.screen.Say(f.names(by[words]) + ": " + words); err != nil {
			return err
		}
	}
	return nil
}

// printer collects lines and writes them in large pieces.
type printer struct {
	style Style
	write func([]byte) error
	out   bytes.Buffer
}

// printf prints a node set and words of ours.
func (p *printer) printf(names, format string, args ...any) error {
	if p.style.Colour {
		names = "\x1b[1m" + names + noColour
	}
	p.out.WriteString(names)
	fmt.Fprintf(&p.out, format, args...)
	return p.check()
}

// line prints a line of theirs behind a prefix of ours.
func (p *printer) line(prefix string, text []byte) error {
	p.out.WriteString(prefix)
	p.text(text)
	p.out.WriteByte('\n')
	return p.check()
}

func (p *printer) coloured(colour, prefix, text string) error {
	if !p.style.Colour {
		return p.line(prefix, []byte(text))
	}
	p.out.WriteString(colour + prefix)
	p.text([]byte(text))
	p.out.WriteString(noColour + "\n")
	return p.check()
}

func (p *printer) text(text []byte) {
	if p.style.Raw {
		p.out.Write(text)
	} else {
		p.out.Write(appendSafe(p.out.AvailableBuffer(), text))
	}
}

// check writes what has become large.
func (p *printer) check() error {
	if p.out.Len() < blockSize {
		return nil
	}
	return p.flush()
}

func (p *printer) flush() error {
	defer p.out.Reset()
	if p.out.Len() == 0 {
		return nil
	}
	return p.write(p.out.Bytes())
}

// writerFunc makes an io.Writer of a function.
type writerFunc func([]byte) error

func (w writerFunc) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
