//go:build linux

package dropin

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bigFile is 1 GiB where nothing is left out.
func bigFile() int64 {
	if everything {
		return 1 << 30
	}
	return 64 << 20
}

func TestRsyncPushPullAndDelete(t *testing.T) {
	w := need(t, "rsync")
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		rsync := func(args ...string) string {
			return plain(w.run(t, v, here, "rsync", append([]string{"-ai", "--no-owner", "--no-group", "-e", v.ssh}, args...)...), here, "HERE", there, "THERE")
		}
		plant(t, here)
		said := []string{rsync(here+"/", "lab1:"+there+"/copy/")}
		require.Equal(t, tree(t, here, true), tree(t, there+"/copy", true))
		said = append(said, rsync(here+"/", "lab1:"+there+"/copy/"))
		require.Empty(t, said[1], "nothing changed")

		require.NoError(t, os.WriteFile(filepath.Join(here, "新 文件"), []byte("new"), 0o644))
		require.NoError(t, os.Remove(filepath.Join(here, chinese)))
		require.NoError(t, os.RemoveAll(filepath.Join(here, "a b")))
		age(t, here)
		said = append(said, rsync("--delete", here+"/", "lab1:"+there+"/copy/"))
		require.Contains(t, said[2], "*deleting")
		require.Equal(t, tree(t, here, true), tree(t, there+"/copy", true))

		said = append(said, rsync("lab1:"+there+"/copy/", here+"-pulled/"))
		require.Equal(t, tree(t, here, true), tree(t, here+"-pulled", true))
		said = append(said, rsync("--protect-args", "lab1:"+there+"/copy/"+spaced, here+"-one/"))
		require.Equal(t, "spaces", read(t, filepath.Join(here+"-one", spaced)))
		return said
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestRsyncSendsOfALargeFileOnlyTheBlockThatChanged(t *testing.T) {
	w := need(t, "rsync")
	both(t, w, func(t *testing.T, v way, here, there string) string {
		size := bigFile()
		seededFile(t, here+"/big", 1, size)
		w.run(t, v, here, "rsync", "-a", "-e", v.ssh, here+"/big", "lab1:"+there+"/big")
		f, err := os.OpenFile(here+"/big", os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("changed"), size/2)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		said := w.run(t, v, here, "rsync", "-aI", "--no-whole-file", "--inplace", "--stats", "-e", v.ssh, here+"/big", "lab1:"+there+"/big")
		literal := regexp.MustCompile(`Literal data: ([0-9,]+)`).FindStringSubmatch(said)
		require.NotNil(t, literal, said)
		n, err := strconv.ParseInt(strings.ReplaceAll(literal[1], ",", ""), 10, 64)
		require.NoError(t, err)
		require.Less(t, n, int64(1<<20), "%s", said)
		require.Equal(t, sum(t, here+"/big"), sum(t, there+"/big"))
		return sum(t, there+"/big") + literal[0]
	})
}

func TestRsyncGoesOnWhereItWasInterrupted(t *testing.T) {
	w := need(t, "rsync")
	both(t, w, func(t *testing.T, v way, here, there string) string {
		const size = 48 << 20
		seededFile(t, here+"/big", 2, size)
		args := []string{"-a", "--partial", "--inplace", "--append", "-e", v.ssh, here + "/big", "lab1:" + there + "/big"}

		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		first := w.command(ctx, v, here, "rsync", append([]string{"--bwlimit=4m"}, args...)...)
		require.NoError(t, first.Start())
		// It has ten seconds more to go: long enough for a busy machine to come to the next line.
		require.Eventually(t, func() bool { return length(there+"/big") > 1<<20 }, patience, 5*time.Millisecond)
		require.NoError(t, first.Process.Signal(syscall.SIGTERM))
		var exit *exec.ExitError
		require.ErrorAs(t, first.Wait(), &exit)
		half := length(there + "/big")
		require.Less(t, half, int64(size), "it was interrupted")

		said := w.run(t, v, here, "rsync", append([]string{"--stats"}, args...)...)
		require.Equal(t, sum(t, here+"/big"), sum(t, there+"/big"))
		literal := regexp.MustCompile(`Literal data: ([0-9,]+)`).FindStringSubmatch(said)
		require.NotNil(t, literal, said)
		n, err := strconv.ParseInt(strings.ReplaceAll(literal[1], ",", ""), 10, 64)
		require.NoError(t, err)
		assert.Less(t, n, int64(size), "it began anew: %s", said)
		return sum(t, there+"/big")
	})
}

// length is a file's, 0 where there is none.
func length(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
