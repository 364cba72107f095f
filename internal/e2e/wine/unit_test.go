//go:build linux

package wine

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheWindowsTestsPassOnWindows runs what stands in files named _windows_test.go.
func TestTheWindowsTestsPassOnWindows(t *testing.T) {
	t.Parallel()
	w := need(t)
	list := exec.Command("go", "list", "-json=ImportPath,Dir,TestGoFiles", "rexec/...")
	list.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := list.Output()
	require.NoError(t, err)
	tested := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Dir string
			TestGoFiles     []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		var names []string
		for _, file := range p.TestGoFiles {
			if !strings.HasSuffix(file, "_windows_test.go") {
				continue
			}
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(text), -1) {
				names = append(names, m[1])
			}
		}
		if len(names) == 0 {
			continue
		}
		tested++
		t.Run(strings.TrimPrefix(p.ImportPath, "rexec/"), func(t *testing.T) {
			exe := filepath.Join(w.drive, "rx", strings.ReplaceAll(p.ImportPath, "/", "-")+".test.exe")
			build := exec.Command("go", "test", "-c", "-o", exe, p.ImportPath)
			build.Env = list.Env
			out, err := build.CombinedOutput()
			require.NoError(t, err, string(out))
			run := w.wine(`C:\rx\`+filepath.Base(exe), "-test.run", "^("+strings.Join(names, "|")+")$", "-test.v", "-test.timeout", patience.String())
			run.Dir = p.Dir
			text, err := run.CombinedOutput()
			if errors.Is(err, exec.ErrWaitDelay) {
				err = nil
			}
			assert.NoError(t, err, string(text))
			assert.Equal(t, len(names), strings.Count(string(text), "--- PASS: ")+strings.Count(string(text), "--- SKIP: "), string(text))
		})
	}
	assert.Positive(t, tested)
}
