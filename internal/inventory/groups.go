package inventory

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"rexec/internal/nodeset"
	"rexec/internal/strictoml"
)

// group is one line of the [groups] table.
type group struct {
	name string
	expr nodeset.Expr
	all  bool // it depends on which hosts there are, through @all or a wildcard
}

// everyHost are the names of the group of all hosts, which nobody defines.
func everyHost(name string) bool { return name == "all" || name == "*" }

// UnknownGroup says that neither a group nor a tag has that name.
type UnknownGroup struct{ Name string }

func (u *UnknownGroup) Error() string {
	return fmt.Sprintf("group %.64q is not known: rexec host ls --groups shows which there are", u.Name)
}

func checkGroupName(what, name string) error {
	if everyHost(name) {
		return fmt.Errorf("%s name %q is taken: it stands for every host", what, name)
	}
	return checkName(what, name, "")
}

// readGroups reads the table and refuses what could never be resolved.
func (b *book) readGroups(t *strictoml.Table) {
	tags := map[string]bool{}
	for _, h := range b.hosts {
		for _, tag := range h.Tags {
			tags[tag] = true
		}
	}
	fail := func(name string, err error) {
		if err != nil {
			t.Fail(name, fmt.Errorf("is not good: %w", err))
		}
	}
	at := map[string]int{}
	for _, name := range t.Names() {
		expr, err := nodeset.Parse(t.Text(name))
		fail(name, errors.Join(err, checkGroupName("group", name)))
		if tags[name] {
			fail(name, errors.New("it is the tag of a host too, and @"+name+" would stand for two things"))
		}
		at[name] = len(b.groups)
		b.groups = append(b.groups, group{name: name, expr: expr})
	}
	done := map[string]bool{}
	var visit func(name string, way []string) (all bool)
	visit = func(name string, way []string) bool {
		i, isGroup := at[name]
		switch {
		case everyHost(name):
			return true
		case !isGroup:
			if last := way[len(way)-1]; !tags[name] {
				fail(last, fmt.Errorf("group or tag %.64q is not in the file", name))
			}
			return false
		case slices.Contains(way, name):
			fail(name, fmt.Errorf("it is made of itself: %s", strings.Join(append(way, name), ", ")))
			return false
		case done[name]:
			return b.groups[i].all
		}
		all := b.groups[i].expr.Wild()
		for _, part := range b.groups[i].expr.Groups() {
			if visit(part, append(way, name)) {
				all = true
			}
		}
		done[name], b.groups[i].all = true, all
		return all
	}
	for _, g := range b.groups {
		visit(g.name, nil)
	}
}

// resolver answers for one expression, each question once.
type resolver struct {
	book *book
	have map[string]nodeset.Set
	all  *nodeset.Set
}

func (b *book) resolver() *resolver { return &resolver{book: b, have: map[string]nodeset.Set{}} }

// Group is a group, else the hosts with a tag.
func (r *resolver) Group(name string) (nodeset.Set, error) {
	if everyHost(name) {
		return r.every()
	}
	if s, ok := r.have[name]; ok {
		return s, nil
	}
	s, err := r.group(name)
	if err == nil {
		r.have[name] = s
	}
	return s, err
}

func (r *resolver) group(name string) (nodeset.Set, error) {
	if i := slices.IndexFunc(r.book.groups, func(g group) bool { return g.name == name }); i >= 0 {
		return r.book.groups[i].expr.Resolve(r)
	}
	var tagged nodeset.Set
	known := false
	for i, h := range r.book.hosts {
		if slices.Contains(h.Tags, name) {
			known = true
			tagged = tagged.Union(r.book.members(i))
		}
	}
	if !known {
		return nodeset.Set{}, &UnknownGroup{name}
	}
	return tagged, nil
}

// members are the hosts of an entry, none of a glob's.
func (b *book) members(entry int) nodeset.Set {
	if b.hosts[entry].Pattern == "" {
		s, _ := nodeset.Of(b.hosts[entry].Name) // ValidateName lets nothing through that a node set could not say
		return s
	}
	i := slices.IndexFunc(b.many, func(m many) bool { return m.entry == entry })
	return b.many[i].patterns.Set()
}

// every is @all: the hosts of all entries and of all groups but those that
// depend on it.
func (r *resolver) every() (nodeset.Set, error) {
	if r.all != nil {
		return *r.all, nil
	}
	var single []string
	for _, h := range r.book.hosts {
		if h.Pattern == "" {
			single = append(single, h.Name)
		}
	}
	all, err := nodeset.Of(single...)
	if err != nil {
		return nodeset.Set{}, err
	}
	for _, m := range r.book.many {
		all = all.Union(m.patterns.Set())
	}
	for _, g := range r.book.groups {
		if g.all {
			continue
		}
		s, err := r.Group(g.name)
		if err != nil {
			return nodeset.Set{}, err
		}
		all = all.Union(s)
	}
	r.all = &all
	return all, nil
}

// Match are those of all hosts that a name with * or ? fits.
func (r *resolver) Match(glob string) (nodeset.Set, error) {
	if err := checkPattern(glob); err != nil {
		return nodeset.Set{}, err
	}
	all, err := r.every()
	if err != nil {
		return nodeset.Set{}, err
	}
	var fit []string
	for _, name := range all.Names() {
		if ok, err := path.Match(glob, name); err == nil && ok {
			fit = append(fit, name)
		}
	}
	return nodeset.Of(fit...)
}

// Group is a group or tag as GroupsOf lists it.
type Group struct {
	Name  string
	Tag   bool
	Hosts nodeset.Set
}

// Groups returns all groups, then all tags, with their hosts, each in the order
// of their names.
func (inv *Inventory) Groups() ([]Group, error) {
	b := inv.current()
	r := b.resolver()
	list := func(names []string, tag bool) (groups []Group, err error) {
		slices.SortFunc(names, nodeset.Compare)
		for _, name := range slices.Compact(names) {
			hosts, err := r.Group(name)
			if err != nil {
				return nil, err
			}
			groups = append(groups, Group{name, tag, hosts})
		}
		return groups, nil
	}
	var names, tags []string
	for _, g := range b.groups {
		names = append(names, g.name)
	}
	for _, h := range b.hosts {
		tags = append(tags, h.Tags...)
	}
	groups, err := list(names, false)
	if err != nil {
		return nil, err
	}
	tagged, err := list(tags, true)
	return append(groups, tagged...), err
}
