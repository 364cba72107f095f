package platform

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/windows"
)

// On Windows a program gets one line and splits it into words itself, most
// by the rules of CommandLineToArgvW, but cmd.exe and with it every batch
// file by its own.

// mostLine is the longest line that CreateProcess takes, in UTF-16 units.
const mostLine = 32766

// commandLine is the file to start and the line it is given.
func commandLine(spec Spec) (file, line string, err error) {
	if err := checkText(spec); err != nil {
		return "", "", err
	}
	if file, err = program(spec); err != nil {
		return "", "", err
	}
	switch {
	case spec.CommandLine != "" && shellKind(file) == "cmd" && strings.ContainsAny(spec.CommandLine, "\r\n"):
		err = cannot(nil, "cmd.exe would run only the first line of the command: join its lines with &&, or use powershell")
	case spec.CommandLine != "":
		line = windows.EscapeArg(file) + " " + spec.CommandLine
	case isBatch(file):
		file, line, err = batchLine(file, spec.Argv)
	default:
		line = windows.ComposeCommandLine(append([]string{file}, spec.Argv[1:]...))
	}
	if err == nil && len(windows.StringToUTF16(line)) > mostLine {
		err = cannot(nil, "the command line is longer than the %d characters that Windows takes", mostLine)
	}
	return file, line, err
}

// checkText refuses what has no UTF-16: replacing bytes would run something
// that nobody asked for.
func checkText(spec Spec) error {
	for i, word := range spec.Argv {
		if !utf8.ValidString(word) {
			return cannot(nil, "word %d of the command is no UTF-8, which Windows commands are sent in: %s", i, shown(word))
		}
	}
	for _, s := range slices.Concat(spec.Env, []string{spec.CommandLine, spec.Path, spec.Dir}) {
		if !utf8.ValidString(s) {
			return cannot(nil, "this is no UTF-8, which Windows commands are sent in: %s", shown(s))
		}
	}
	return nil
}

// isBatch reports whether cmd.exe runs the file. The system drops dots and
// spaces from the end of a name before it looks at what is left.
func isBatch(file string) bool {
	switch strings.ToLower(filepath.Ext(strings.TrimRight(file, ". "))) {
	case ".bat", ".cmd":
		return true
	}
	return false
}

// batchLine has cmd.exe run a batch file. Its arguments are parsed twice, as
// part of a line and as %1 in the file, and there is no quoting that holds
// both times for what cmd.exe expands or splits a line at: such arguments are
// refused.
func batchLine(file string, argv []string) (shell, line string, err error) {
	const unsafe = "%!\"^&|<>\r\n"
	if i := strings.IndexAny(file, unsafe); i >= 0 {
		return "", "", cannot(nil, "cannot run the batch file %s: cmd.exe would take the %q in its path for more than text", shown(file), file[i])
	}
	b := new(strings.Builder)
	b.WriteString(`"` + file + `"`)
	for i, word := range argv[1:] {
		if at := strings.IndexAny(word, unsafe); at >= 0 {
			return "", "", cannot(nil, "cannot pass word %d to the batch file %s: no quoting keeps cmd.exe from acting on the %q in %s",
				i+1, shown(file), word[at], shown(word))
		}
		b.WriteByte(' ')
		b.WriteString(batchWord(word))
	}
	shell = systemFile("cmd.exe")
	// Extensions on, delayed expansion off, whatever the registry says; no AutoRun.
	return shell, windows.EscapeArg(shell) + ` /d /e:on /v:off /s /c "` + b.String() + `"`, nil
}

// batchWord quotes whatever has a character at which cmd.exe ends an
// argument. Backslashes in front of the quote are doubled for the program
// that the file hands its arguments to.
func batchWord(word string) string {
	plain := func(r rune) bool {
		return r > '\u00a0' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune(`#$*+-./:?@\_`, r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 && !strings.HasSuffix(word, `\`) {
		return word
	}
	tail := len(word) - len(strings.TrimRight(word, `\`))
	return `"` + word + strings.Repeat(`\`, tail) + `"`
}

// systemFile is a program of the system's own folder, which no environment
// variable can move.
func systemFile(name string) string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		dir = `C:\Windows\System32`
	}
	return filepath.Join(dir, name)
}
