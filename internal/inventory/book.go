package inventory

import (
	"errors"
	"fmt"
	"sync"

	"rexec/internal/sshconfig"
	"rexec/internal/strictoml"
)

// book is what hosts.toml says. It is never changed.
type book struct {
	hosts   []Host          // in the order of the file
	row     func(i int) int // where one begins, from 1; counted when asked
	byName  map[string]int  // entries for one host
	byAlias map[string]int
	many    []many
	groups  []group

	groupsRow int // where the [groups] table begins; 0: there is none
	importSSH bool
	ssh       func(name string) (sshconfig.Host, error) // nil: nothing is imported
	places    func() map[string][]place                 // findPlaces, once
}

// parseHosts reads the text of hosts.toml; file is its name in errors.
func parseHosts(file string, data []byte) (*book, error) {
	doc, err := strictoml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	b := &book{byName: map[string]int{}, byAlias: map[string]int{}}
	b.places = sync.OnceValue(b.findPlaces)
	if from := doc.Root.Text("import"); doc.Root.Has("import") {
		if b.importSSH = from == "ssh"; !b.importSSH {
			doc.Root.Fail("import", errors.New(`is not known: "ssh", for ~/.ssh/config, is the only source`))
		}
	}
	taken := map[string]bool{}
	tables := doc.Root.Tables("host")
	b.row = func(i int) int { return tables[i].Row() }
	for i, t := range tables {
		h, m := readHost(t)
		for j, name := range append([]string{h.entry()}, h.Aliases...) {
			field, index := "name", b.byName
			if j > 0 {
				field, index = "aliases", b.byAlias
			}
			if taken[name] && name != "" {
				t.Fail(field, fmt.Errorf("%.64q is in the file twice", name))
			}
			taken[name] = true
			if name != h.Pattern {
				index[name] = i
			}
		}
		if h.Pattern != "" {
			m.entry = i
			b.many = append(b.many, m)
		}
		b.hosts = append(b.hosts, h)
	}
	groups := doc.Root.Table("groups")
	if doc.Root.Has("groups") {
		b.groupsRow = groups.Row()
	}
	b.readGroups(groups)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return b, nil
}
