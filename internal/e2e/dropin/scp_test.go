//go:build linux

package dropin

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScpCopiesFilesAndFolders(t *testing.T) {
	w := need(t, "scp")
	for name, flags := range map[string][]string{"sftp": nil, "-O": {"-O"}} {
		t.Run(name, func(t *testing.T) {
			both(t, w, func(t *testing.T, v way, here, there string) []string {
				scp := func(args ...string) {
					w.run(t, v, here, "scp", append(append([]string{"-q", "-S", v.ssh}, flags...), args...)...)
				}
				plant(t, here)
				require.NoError(t, removeLinks(here)) // scp follows links, and one leads nowhere
				scp("bin", "lab1:"+there+"/bin")
				scp("lab1:"+there+"/bin", "back")
				require.Equal(t, sum(t, here+"/bin"), sum(t, here+"/back"))
				scp("-p", "./"+chinese, "./"+spaced, "lab1:"+there+"/")
				require.Equal(t, sum(t, filepath.Join(here, chinese)), sum(t, filepath.Join(there, chinese)))
				require.Equal(t, sum(t, filepath.Join(here, spaced)), sum(t, filepath.Join(there, spaced)))
				scp("-rp", here, "lab1:"+there+"/folder")
				require.Equal(t, tree(t, here, true), tree(t, there+"/folder", true))
				scp("-rp", "lab1:"+there+"/folder", here+"/pulled")
				require.Equal(t, tree(t, there+"/folder", true), tree(t, here+"/pulled", true))
				scp("-3", "lab1:"+there+"/bin", "lab2:"+there+"/third")
				require.Equal(t, sum(t, here+"/bin"), sum(t, there+"/third"))
				return []string{tree(t, here, false), tree(t, there, false)}
			})
		})
	}
}

func TestScpSaysWhatIsMissing(t *testing.T) {
	w := need(t, "scp")
	both(t, w, func(t *testing.T, v way, here, there string) result {
		r := w.try(t, func(ctx context.Context) *exec.Cmd {
			return w.command(ctx, v, here, "scp", "-q", "-S", v.ssh, "lab1:"+there+"/nothing", "x")
		})
		require.NotZero(t, r.Code)
		r.Stderr = plain(r.Stderr, there, "THERE")
		return r
	})
}
