package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"rexec/hmacauth"
	"rexec/internal/nodeset"
	"rexec/internal/strictoml"
	"rexec/platform/text"
)

// entry is the name as it stands in the file.
func (h Host) entry() string {
	if h.Pattern != "" {
		return h.Pattern
	}
	return h.Name
}

// readHost also returns whom the entry is for if that is many.
func readHost(t *strictoml.Table) (Host, many) {
	h := Host{
		Name: t.Text("name"), Aliases: t.Texts("aliases"), Address: t.Text("address"), Key: t.Text("key"),
		ServerID: t.Text("server_id"), User: t.Text("user"), Encoding: t.Text("encoding"), OS: t.Text("os"),
		Shell: t.Texts("shell"), Tags: t.Texts("tags"),
	}
	fail := func(field string, err error) {
		if err != nil {
			t.Fail(field, fmt.Errorf("is not good: %w", err))
		}
	}
	var m many
	switch {
	case h.Name == "":
		t.Fail("", errors.New("a host without a name"))
	case isPattern(h.Name):
		var err error
		m, err = readMany(h.Name)
		fail("name", err)
		if m.glob != "" && h.Key == "" {
			fail("name", errors.New("a pattern needs a key of its own: add key = \"...\""))
		}
		if h.Aliases != nil {
			fail("aliases", errors.New("a pattern cannot have aliases"))
		}
		h.Name, h.Pattern = "", h.Name
	default:
		fail("name", ValidateName(h.Name))
	}
	for _, alias := range h.Aliases {
		fail("aliases", ValidateName(alias))
	}
	if t.Has("port") {
		if port := t.Int("port"); port < 1 || port > 65535 {
			fail("port", fmt.Errorf("it is %d, want 1 to 65535", port))
		} else {
			h.Port = int(port)
		}
	} else {
		t.Int("port") // known, all the same
	}
	judge := func(field, text string, judge func(string) error) {
		if !t.Has(field) {
			return
		}
		filled, err := m.samples(text)
		fail(field, err)
		for _, one := range filled {
			fail(field, judge(one))
		}
	}
	judge("address", h.Address, func(address string) error {
		return checkAddress(address, t.Has("port"), func(err error) { fail("port", err) })
	})
	judge("server_id", h.ServerID, func(id string) error { return hmacauth.ValidateID("server id", id) })
	if t.Has("key") {
		fail("key", checkKeyName(h.Key))
	}
	if t.Has("encoding") {
		_, err := text.Canonical(h.Encoding)
		fail("encoding", err)
	}
	if t.Has("user") {
		fail("user", checkShown(h.User))
	}
	if t.Has("os") && !slices.Contains(systems(), h.OS) {
		fail("os", fmt.Errorf("it is %.64q, want one of %s", h.OS, strings.Join(systems(), " ")))
	}
	if t.Has("shell") && len(h.Shell) == 0 {
		fail("shell", errors.New(`it is empty, want the words before the command, as ["powershell", "-Command"]`))
	}
	for _, word := range h.Shell {
		fail("shell", checkShown(word))
	}
	if m.glob != "" && h.Tags != nil {
		fail("tags", errors.New("a name with * or ? does not say which hosts there are: put them into [groups]"))
	}
	for _, tag := range h.Tags {
		fail("tags", checkGroupName("tag", tag))
	}
	return h, m
}

// checkShown is for texts that go to the daemon as they are.
func checkShown(text string) error {
	odd := func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
	if text == "" || strings.ContainsFunc(text, odd) {
		return errors.New("it is empty or cannot be shown")
	}
	return nil
}

// checkAddress judges an address; a port beside one that has its own goes to
// badPort.
func checkAddress(address string, hasPort bool, badPort func(error)) error {
	const none = -1 // which no address can say
	_, port, err := splitAddress(address, none)
	if err != nil || port == none {
		return err
	}
	if hasPort {
		badPort(errors.New("the address has one already"))
	}
	return checkPort(port)
}

// readMany reads the name of an entry for many hosts.
func readMany(name string) (many, error) {
	if isGlob(name) {
		return many{glob: name}, checkPattern(name)
	}
	patterns, err := nodeset.ParsePatterns(name)
	if err != nil {
		return many{}, err
	}
	for _, name := range patterns.Samples() {
		if err := ValidateName(name); err != nil {
			return many{}, err
		}
	}
	return many{patterns: patterns}, nil
}

// samples are what a text of the entry becomes for the first and the last host
// of each range, by which it is judged; of an entry for one host, the text as
// it is. Which hosts a glob will be asked for is not known: one with numbers
// stands for them.
func (m many) samples(text string) ([]string, error) {
	names := []string{"h1-2-3-4-5-6-7-8-9"}
	switch {
	case m.patterns != nil:
		names = m.patterns.Samples()
	case m.glob == "":
		return []string{text}, nil
	}
	var filled []string
	for _, name := range names {
		numbers := digitsIn(name)
		if m.patterns != nil {
			numbers, _ = m.patterns.Match(name)
		}
		one, err := substitute(text, name, numbers)
		if err != nil {
			return nil, fmt.Errorf("for a host such as %q it %w", name, err)
		}
		filled = append(filled, one)
	}
	return filled, nil
}
