// Package sources ties the cached result of a test that builds our programs to all that they are built from: go test
// knows the files that a test itself looks at, not those of a compiler that it runs (go help test). It leaves the
// building to the suites.
package sources

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Look looks at every source file of the module that has its root at root. Call it within a test: what happens before
// testing.M's Run is not noted.
func Look(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && strings.HasPrefix(name, ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") && name != "go.mod" && name != "go.sum":
			return nil
		}
		_, err = os.Stat(path)
		return err
	})
}
