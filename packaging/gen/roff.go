package main

import "strings"

// roff turns a small part of Markdown into man(7): headings, paragraphs, blocks indented by four, tables of which each row
// becomes a term with its text, words between backquotes, and a line "{{WORDS}}", in whose place stands what run says.
func roff(text string, run func(words string) (string, error)) (string, error) {
	var b strings.Builder
	block := func(lines string) {
		b.WriteString(".PP\n.nf\n.RS\n")
		for line := range strings.Lines(strings.TrimRight(lines, "\n") + "\n") {
			b.WriteString(guard(escape(line)))
		}
		b.WriteString(".RE\n.fi\n")
	}
	lines := strings.Split(text, "\n")
	var heads []string // of the table
	first := true      // the first heading names the file; the page's own NAME does that, and what follows describes it
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case line == "":
			if i+1 < len(lines) && lines[i+1] != "" && lines[i+1][0] != '#' && lines[i+1][0] != '|' {
				b.WriteString(".PP\n")
			}
		case strings.HasPrefix(line, "# ") && first:
			first = false
			b.WriteString(".SH DESCRIPTION\n")
		case strings.HasPrefix(line, "## "):
			b.WriteString(".SH " + escape(strings.ToUpper(line[3:])) + "\n")
		case strings.HasPrefix(line, "{{"):
			said, err := run(strings.Trim(line, "{}"))
			if err != nil {
				return "", err
			}
			block(said)
		case strings.HasPrefix(line, "    "):
			from := i
			for i+1 < len(lines) && (strings.HasPrefix(lines[i+1], "    ") || lines[i+1] == "" && i+2 < len(lines) && strings.HasPrefix(lines[i+2], "    ")) {
				i++
			}
			var code strings.Builder
			for _, l := range lines[from : i+1] {
				code.WriteString(strings.TrimPrefix(l, "    ") + "\n")
			}
			block(code.String())
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---") {
				heads = cells
				continue
			}
			if strings.HasPrefix(line, "|---") {
				continue
			}
			b.WriteString(".TP\n" + guard(inline(cells[0])))
			if len(cells) > 2 {
				b.WriteString(" (" + escape(heads[1]) + ": " + inline(cells[1]) + ")")
			}
			b.WriteString("\n" + guard(inline(cells[len(cells)-1])) + "\n")
		default:
			b.WriteString(guard(inline(line)) + "\n")
		}
	}
	return b.String(), nil
}

// inline sets what stands between backquotes in bold.
func inline(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			b.WriteString(`\fB` + escape(part) + `\fP`)
		} else {
			b.WriteString(escape(part))
		}
	}
	return b.String()
}

// escape keeps roff from reading anything into a text: man(7) takes a bare minus as a hyphen.
func escape(s string) string { return strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(s) }

// guard keeps a line that begins with a dot or a quote from being a request.
func guard(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}
