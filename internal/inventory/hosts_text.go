package inventory

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"

	"rexec/internal/secretfile"
	"rexec/internal/strictoml"
)

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
	list := func(field string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(b, "%s = %s\n", field, strictoml.QuoteList(values))
		}
	}
	text("name", h.entry())
	list("aliases", h.Aliases)
	text("address", h.Address)
	if h.Port != 0 {
		fmt.Fprintf(b, "port = %d\n", h.Port)
	}
	text("key", h.Key)
	text("server_id", h.ServerID)
	text("user", h.User)
	text("encoding", h.Encoding)
	text("os", h.OS)
	list("shell", h.Shell)
	list("tags", h.Tags)
	return b.Bytes()
}

// cutHost takes entry i out of the file's text and leaves everything else as
// people wrote it: comments right above the next entry belong to that one. It
// fails where the text does not have one header a host.
func cutHost(file string, data []byte, i int) ([]byte, error) {
	before, err := parseHosts(file, data)
	if err != nil {
		return nil, err
	}
	hosts := before.hosts
	lines := bytes.SplitAfter(data, []byte("\n"))
	from, to := before.row(i)-1, len(lines)
	following := []int{before.groupsRow}
	if i+1 < len(hosts) {
		following = append(following, before.row(i+1))
	}
	for _, next := range following {
		if next-1 > from && next <= to {
			to = next - 1
		}
	}
	if to < len(lines) {
		for to > from+1 && aside(lines[to-1]) {
			to--
		}
	}
	rest := bytes.Join(slices.Delete(slices.Clone(lines), from, max(from, to)), nil)
	left, err := parseHosts(file, rest)
	if err != nil {
		return nil, fmt.Errorf("without host %s the file would be wrong, change it by hand: %w", hosts[i].entry(), err)
	}
	want := slices.Delete(slices.Clone(hosts), i, i+1)
	if !left.says(want, before.groups, before.importSSH) {
		return nil, fmt.Errorf("%s is laid out in a way that rexec cannot edit: take the host out by hand", file)
	}
	return rest, nil
}

// says reports whether a file means that.
func (b *book) says(hosts []Host, groups []group, importSSH bool) bool {
	same := func(a, b group) bool { return a.name == b.name && a.expr.String() == b.expr.String() }
	return b.importSSH == importSSH && slices.EqualFunc(b.groups, groups, same) &&
		slices.EqualFunc(b.hosts, hosts, func(a, b Host) bool { return reflect.DeepEqual(a, b) })
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
