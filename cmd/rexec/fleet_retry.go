package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"rexec/internal/fleet"
	"rexec/internal/nodeset"
	"rexec/internal/secretfile"
)

// retryFile is --retry-failed: a node set, in one line, of the hosts that a command line has still to be carried out on.
// If the file is there, only those of its hosts run that the line names too; in the end it has those that were not ok, and
// the hosts that the line does not name. It is written before the first host too, so that who is killed forgets none.
type retryFile struct {
	path  string
	found bool
	todo  nodeset.Set
	other nodeset.Set // of todo, what is not for this line; set by the first write
}

func readRetryFile(path string) (*retryFile, error) {
	r := &retryFile{path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("option --retry-failed: %w", err)
	}
	r.found = true
	text := strings.TrimSpace(string(data))
	if text == "" {
		return r, nil
	}
	expr, err := nodeset.Parse(text)
	if err == nil {
		r.todo, err = expr.Resolve(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("option --retry-failed: %s: %w", path, err)
	}
	r.other = r.todo
	return r, nil
}

// wants reports whether a host is to run. A nil file wants all.
func (r *retryFile) wants(host string) bool {
	if r == nil || !r.found {
		return true
	}
	return r.todo.Has(host)
}

// nothing says why no host runs: the file may be about others, whose failures must not be called ok.
func (r *retryFile) nothing() string {
	if left := r.todo.String(); left != "" {
		return fmt.Sprintf("%s: none of these hosts is left there, only %s; to begin anew, remove the file", r.path, left)
	}
	return r.path + ": every host was ok the last time; to begin anew, remove the file"
}

// names makes a set.
func names(hosts []fleet.Host) (nodeset.Set, error) {
	list := make([]string, len(hosts))
	for i, h := range hosts {
		list[i] = h.Name
	}
	return nodeset.Of(list...)
}

// write keeps hosts for the next time. A nil file keeps nothing.
func (r *retryFile) write(hosts []fleet.Host) error {
	if r == nil {
		return nil
	}
	left, err := names(hosts)
	if err != nil {
		return fmt.Errorf("option --retry-failed: %w", err)
	}
	r.other = r.other.Minus(left) // the first time these are all that run
	if err := secretfile.Write(r.path, []byte(r.other.Union(left).String()+"\n")); err != nil {
		return fmt.Errorf("option --retry-failed: %w", err)
	}
	return nil
}
