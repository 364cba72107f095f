//go:build linux

package dropin

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// needFuse ends a test where no file system can be mounted. With REXEC_E2E=all that is a failure, unless whoever starts the
// tests has said that there is no device: REXEC_E2E_NO_FUSE=1.
func needFuse(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err == nil {
		_ = f.Close()
		return
	}
	if everything && os.Getenv("REXEC_E2E_NO_FUSE") != "1" {
		require.NoError(t, err, "REXEC_E2E=all leaves nothing out; REXEC_E2E_NO_FUSE=1 says that this machine has no fuse device")
	}
	t.Skipf("not run: no fuse device: %v", err)
}

// mount mounts a folder of lab1 until the test ends.
func (w *world) mount(t *testing.T, v way, there, at string, options ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(at, 0o755))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := w.command(ctx, v, "/", "sshfs", append([]string{"-f", "-o", "ssh_command=" + v.ssh, "lab1:" + there, at}, options...)...)
	var said buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	t.Cleanup(func() {
		out, err := exec.Command("fusermount3", "-u", at).CombinedOutput()
		if err != nil {
			_, _ = exec.Command("fusermount3", "-uz", at).CombinedOutput()
		}
		require.NoError(t, err, "%s", out)
		require.NoError(t, <-gone, said.String())
	})
	require.Eventually(t, func() bool {
		select {
		case err := <-gone:
			gone <- err
			require.NoError(t, err, said.String())
		default:
		}
		return mounted(t, at)
	}, patience, 5*time.Millisecond, "%s", &said)
}

func mounted(t *testing.T, at string) bool {
	t.Helper()
	return strings.Contains(read(t, "/proc/self/mountinfo"), " "+at+" ")
}

// build is what a programmer does in a folder, and what goes wrong there first.
const build = `set -e
umask 022
cat >main.c <<'END'
#include <stdio.h>
const char *name(void);
int main(void) { printf("你好 %s\n", name()); return 0; }
END
cat >name.c <<'END'
const char *name(void) { return "sshfs"; }
END
mkdir -m 700 private; mkdir obj
cc -c main.c -o obj/main.o; cc -c name.c -o obj/name.o
ar rcD obj/lib.a obj/name.o
cc -o prog obj/main.o obj/lib.a
./prog >out
sed -i s/sshfs/again/ name.c && cc -c name.c -o obj/name.o && ar rcD obj/lib.a obj/name.o && cc -o prog obj/main.o obj/lib.a
./prog >>out
echo more >>out
mkdir '空 目录' && mv out '空 目录/结果' && ln -s '空 目录/结果' link && cat link
ln prog hard; chmod 600 name.c; rmdir private; mkdir -m 711 private
tar cf src.tar *.c && mkdir x && tar xf src.tar -C x && cmp main.c x/main.c
printf 0123456789 >cut && truncate -s 4 cut && cat cut
exec 3<>held; echo first >&3; rm held; echo second >&3; test "$(stat -L -c %s /proc/self/fd/3)" = 13; exec 3>&-
if rmdir name.c 2>/dev/null || unlink obj 2>/dev/null; then echo wrong; fi
mkdir empty && mv -T empty x/moved && ls x
git init -q repo && cd repo && git config user.name a && git config user.email a@b && git config maintenance.auto false && git config gc.auto 0 && cp ../main.c . && git add . && git commit -qm one && git fsck --strict && cd ..
rm -r repo src.tar
`

func TestAProgramIsBuiltInsideOfSSHFS(t *testing.T) {
	w := need(t, "sshfs", "fusermount3", "cc", "ar", "git", "tar")
	needFuse(t)
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		var said string
		t.Run("mounted", func(t *testing.T) { // its end unmounts
			w.mount(t, v, there, here+"/mnt")
			said = w.runEnv(t, v, here+"/mnt", []string{"GIT_CONFIG_NOSYSTEM=1", "SOURCE_DATE_EPOCH=1"}, "sh", "-c", build)
			assert.Equal(t, tree(t, there, false), tree(t, here+"/mnt", false), "both ends see the same")
		})
		assert.Contains(t, said, "你好 sshfs\n你好 again\nmore\n")
		assert.False(t, mounted(t, here+"/mnt"))
		return []string{said, tree(t, there, false)}
	})
}
