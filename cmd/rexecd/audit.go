package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"rexec/internal/audit"
	"rexec/internal/strictoml"
)

// readAudit reads audit, audit_file and audit_fsync; an empty path is for load to fill in.
func readAudit(t *strictoml.Table) audit.Options {
	o := audit.Options{Path: t.Text("audit_file"), Sync: t.Bool("audit_fsync")}
	o.Mode = audit.Mode(oneOf(t, "audit", string(audit.Strict), string(audit.Loose), string(audit.Off)))
	if t.Has("audit_file") && !filepath.IsAbs(o.Path) {
		t.Fail("audit_file", errors.New("must be a whole path"))
	}
	return o
}

// auditFault is what a strict log that cannot be opened is to its administrator.
func auditFault(err error, config string) error {
	return fmt.Errorf("%w (audit and audit_file in %s say whether and where)", err, config)
}
