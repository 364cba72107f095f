package fleet

import (
	"fmt"
	"strings"
	"unicode"

	"rexec/client"
)

// substitute puts the host into what it is to run: %h its name, %n its number, %% a
// percent sign. Any other % stays as it is (date +%F). A word of argv stays one word, and a name with anything in it that a
// shell might read does not get into a line.
func substitute(cmd *client.Cmd, h Host) error {
	in := substitution{host: h}
	cmd.Line = in.fill(cmd.Line, true)
	if cmd.Argv != nil {
		argv := make([]string, len(cmd.Argv))
		for i, w := range cmd.Argv {
			argv[i] = in.fill(w, false)
		}
		cmd.Argv = argv
	}
	if len(cmd.Systems) > 0 {
		systems := make(map[string]string, len(cmd.Systems))
		for os, line := range cmd.Systems {
			systems[os] = in.fill(line, true)
		}
		cmd.Systems = systems
	}
	return in.err
}

type substitution struct {
	host Host
	err  error // the first
}

func (s *substitution) fill(text string, shell bool) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		switch {
		case strings.HasPrefix(rest, "%"):
			b.WriteByte('%')
		case strings.HasPrefix(rest, "h"):
			b.WriteString(s.name(shell))
		case strings.HasPrefix(rest, "n"):
			b.WriteString(s.number())
		default:
			b.WriteByte('%')
			text = rest
			continue
		}
		text = rest[1:]
	}
}

func (s *substitution) name(shell bool) string {
	if i := strings.IndexFunc(s.host.Name, odd); i >= 0 && shell && s.err == nil {
		s.err = fmt.Errorf("%%h: the name %q has %q in it, which a shell might read: use --argv", s.host.Name, s.host.Name[i:])
	}
	return s.host.Name
}

func (s *substitution) number() string {
	if s.host.Number == "" && s.err == nil {
		s.err = fmt.Errorf("%%n: there is no number in the name %q; where a percent sign is meant, write %%%%n, or give --verbatim", s.host.Name)
	}
	return s.host.Number
}

// odd is what stands in no name of a host.
func odd(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) ||
		r >= 0x80 && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)))
}
