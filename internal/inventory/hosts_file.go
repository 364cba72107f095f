package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"rexec/hmacauth"
	"rexec/internal/secretfile"
	"rexec/internal/strictoml"
)

// parseHosts reads the text of hosts.toml; file is its name in errors.
func parseHosts(file string, data []byte) ([]Host, error) {
	hosts, _, err := parseHostRows(file, data)
	return hosts, err
}

// parseHostRows also returns the rows, from 1, where the entries begin.
func parseHostRows(file string, data []byte) (hosts []Host, rows []int, err error) {
	doc, err := strictoml.Parse(file, data)
	if err != nil {
		return nil, nil, err
	}
	taken := map[string]bool{}
	for _, t := range doc.Root.Tables("host") {
		h := readHost(t)
		for i, name := range append([]string{h.entry()}, h.Aliases...) {
			if taken[name] && name != "" {
				field := "name"
				if i > 0 {
					field = "aliases"
				}
				t.Fail(field, fmt.Errorf("%.64q is in the file twice", name))
			}
			taken[name] = true
		}
		hosts, rows = append(hosts, h), append(rows, t.Row())
	}
	if err := doc.Err(); err != nil {
		return nil, nil, err
	}
	return hosts, rows, nil
}

// entry is the name as it stands in the file.
func (h Host) entry() string {
	if h.Pattern != "" {
		return h.Pattern
	}
	return h.Name
}

func readHost(t *strictoml.Table) Host {
	h := Host{
		Name: t.Text("name"), Aliases: t.Texts("aliases"), Address: t.Text("address"), Key: t.Text("key"),
		ServerID: t.Text("server_id"), User: t.Text("user"), Encoding: t.Text("encoding"),
	}
	fail := func(field string, err error) {
		if err != nil {
			t.Fail(field, fmt.Errorf("is not good: %w", err))
		}
	}
	if isPattern(h.Name) {
		fail("name", checkPattern(h.Name))
		h.Name, h.Pattern = "", h.Name
		if h.Key == "" {
			fail("name", errors.New("a pattern needs a key of its own: add key = \"...\""))
		}
		if h.Aliases != nil {
			fail("aliases", errors.New("a pattern cannot have aliases"))
		}
	} else {
		if h.Name == "" {
			t.Fail("", errors.New("a host without a name"))
		} else {
			fail("name", ValidateName(h.Name))
		}
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
	if t.Has("address") {
		const none = -1 // which no address can say
		_, port, err := splitAddress(h.Address, none)
		if err == nil && port != none {
			err = checkPort(port)
			if t.Has("port") {
				fail("port", errors.New("the address has one already"))
			}
		}
		fail("address", err)
	}
	if t.Has("key") {
		fail("key", checkKeyName(h.Key))
	}
	if t.Has("server_id") {
		fail("server_id", hmacauth.ValidateID("server id", h.ServerID))
	}
	for field, text := range map[string]string{"user": h.User, "encoding": h.Encoding} {
		odd := func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
		if t.Has(field) && (text == "" || strings.ContainsFunc(text, odd)) {
			fail(field, errors.New("it is empty or cannot be shown"))
		}
	}
	return h
}

// appendHost writes an entry behind what is in the file, which stays as people
// wrote it.
func appendHost(data []byte, h Host) []byte {
	b := bytes.NewBuffer(slices.Clone(data))
	if len(data) > 0 {
		if data[len(data)-1] != '\n' {
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	b.WriteString("[[host]]\n")
	text := func(field, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s = %s\n", field, strictoml.Quote(value))
		}
	}
	text("name", h.entry())
	if len(h.Aliases) > 0 {
		fmt.Fprintf(b, "aliases = %s\n", strictoml.QuoteList(h.Aliases))
	}
	text("address", h.Address)
	if h.Port != 0 {
		fmt.Fprintf(b, "port = %d\n", h.Port)
	}
	text("key", h.Key)
	text("server_id", h.ServerID)
	text("user", h.User)
	text("encoding", h.Encoding)
	return b.Bytes()
}

// cutHost takes entry i out of the file's text and leaves everything else as
// people wrote it: comments right above the next entry belong to that one. It
// fails where the text does not have one header a host.
func cutHost(file string, data []byte, i int) ([]byte, error) {
	hosts, rows, err := parseHostRows(file, data)
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	from, to := rows[i]-1, len(lines)
	if i+1 < len(rows) {
		to = rows[i+1] - 1
		for to > from+1 && aside(lines[to-1]) {
			to--
		}
	}
	rest := bytes.Join(slices.Delete(slices.Clone(lines), from, max(from, to)), nil)
	left, err := parseHosts(file, rest)
	want := slices.Delete(hosts, i, i+1)
	if err != nil || len(left) != len(want) || len(want) > 0 && !reflect.DeepEqual(left, want) {
		return nil, fmt.Errorf("%s is laid out in a way that rexec cannot edit: take the host out by hand", file)
	}
	return rest, nil
}

// aside reports whether a line is a comment or blank.
func aside(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
}

// writeHosts replaces the file, or what it is a link to.
func writeHosts(path string, data []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return secretfile.Write(path, data)
}
