package inventory

import (
	"errors"
	"fmt"

	"rexec/internal/nodeset"
)

// UnknownHosts says which hosts of an expression no entry answers to.
type UnknownHosts struct{ Names nodeset.Set }

func (u *UnknownHosts) Error() string {
	return fmt.Sprintf("hosts %.200s are not known: rexec host ls shows which are", u.Names)
}

// Resolve carries out an expression such as "lab[01-40],@chem!lab07". Whether
// there are entries for its hosts is not asked. The set may be empty.
func (inv *Inventory) Resolve(expr string) (nodeset.Set, error) {
	e, err := nodeset.Parse(expr)
	if err != nil {
		return nodeset.Set{}, err
	}
	return e.Resolve(inv.current().resolver())
}

// Expand resolves an expression to its hosts, each once, in the order of
// nodeset.Compare: the name, or group with @, of every term may be whatever
// Find knows. A host that is not known, and a set without a host, are errors.
func (inv *Inventory) Expand(expr string) ([]Host, error) {
	names, err := inv.Resolve(expr)
	if err != nil {
		return nil, err
	}
	if names.Len() == 0 {
		return nil, fmt.Errorf("node set %.100q stands for no host", expr)
	}
	b := inv.current()
	var hosts []Host
	var unknown []string
	seen := map[string]bool{}
	for _, name := range names.Names() {
		h, err := b.find(name)
		var missing *UnknownHost
		switch {
		case errors.As(err, &missing) && missing.Same == nil && names.Len() > 1:
			unknown = append(unknown, name)
		case err != nil:
			return nil, err
		case !seen[h.Name]:
			seen[h.Name] = true
			hosts = append(hosts, h)
		}
	}
	if len(unknown) > 0 {
		return nil, errUnknown(unknown)
	}
	return hosts, nil
}

// errUnknown is about at least one name.
func errUnknown(names []string) error {
	if len(names) == 1 {
		return &UnknownHost{Name: names[0]}
	}
	set, err := nodeset.Of(names...)
	if err != nil {
		return err
	}
	return &UnknownHosts{set}
}
