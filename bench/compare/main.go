//go:build linux

// Command compare puts rexec beside OpenSSH on this machine and prints one table; it needs root and Debian.
//
// It leaves to others to judge the numbers: whatever else the machine does goes into them, which is why the two take
// turns, why medians stand in the table, and why the ratio is what to read.
//
// What makes it fair: both daemons run as root on loopback and run commands as the same throw-away user, whose home is
// empty and whose login shell is /bin/sh, so that neither reads dot files (bash would read ~/.bashrc under sshd). sshd
// does without PAM, DNS, motd and the like, which is in its favour; its keys are Ed25519, its client reads no file but
// those named here. Both clients get /dev/null for what they do not use.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// plan is how much is measured.
type plan struct {
	cold    int   // rounds of true
	bulk    int   // rounds of each direction
	out, in int64 // bytes of a round
	idle    int   // connections held at once
	echo    int   // rounds of keys on a terminal
	keys    int   // of a round
}

func main() {
	var p plan
	flag.IntVar(&p.cold, "cold", 41, "rounds of true; 0: none")
	flag.IntVar(&p.bulk, "bulk", 5, "rounds of each bulk direction; 0: none")
	flag.Int64Var(&p.out, "out", 2<<30, "bytes of stdout in a round")
	flag.Int64Var(&p.in, "in", 1<<30, "bytes of stdin in a round")
	flag.IntVar(&p.idle, "idle", 100, "idle commands and connections held at once; 0: none")
	flag.IntVar(&p.echo, "echo", 3, "rounds of keys typed on a terminal; 0: none")
	flag.IntVar(&p.keys, "keys", 1000, "keys of a round")
	bin := flag.String("bin", "", "folder with rexec and rexecd; empty: built from this module")
	limit := flag.Duration("limit", 20*time.Minute, "most time for all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if err := run(ctx, p, *bin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// run sets both up in a folder of their own, measures, and takes everything down again.
func run(ctx context.Context, p plan, bin string, w io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return fmt.Errorf("needs root: sshd has to become another user")
	}
	if err := needSSH(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rexec-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // sshd reads the authorized key as the user
		return err
	}
	if bin == "" {
		bin = filepath.Join(dir, "bin")
		// Without C: nothing here needs it, and loading its libraries costs a cold start more than a millisecond.
		if err := tool(ctx, "env", "CGO_ENABLED=0", "go", "build", "-o", bin+"/", "rexec/cmd/...", "rexec/bench/shared"); err != nil {
			return err
		}
	}
	user, remove, err := addUser(ctx, dir)
	if err != nil {
		return err
	}
	defer remove()
	ssh, err := startSSH(ctx, dir, user)
	if err != nil {
		return err
	}
	defer ssh.stop()
	rex, err := startRexec(ctx, dir, bin, user)
	if err != nil {
		return err
	}
	defer func() { rex.stop() }() // the daemon of that moment: measureIdle starts it again

	var t table
	if err := p.measure(ctx, &t, rex, ssh); err != nil {
		return err
	}
	t.print(w, machine(ctx))
	return nil
}

func (p plan) measure(ctx context.Context, t *table, rex *rexecd, ssh *sshd) error {
	for _, step := range []func(context.Context, *table, *rexecd, *sshd) error{p.measureCold, p.measureBulk, p.measureEcho, p.measureIdle} {
		if err := step(ctx, t, rex, ssh); err != nil {
			return err
		}
	}
	return nil
}

// needSSH installs what is missing of OpenSSH.
func needSSH(ctx context.Context) error {
	if _, err := exec.LookPath(sshdPath); err == nil {
		if _, err := exec.LookPath("ssh"); err == nil {
			return nil
		}
	}
	if err := tool(ctx, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	return tool(ctx, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "openssh-server", "openssh-client")
}

// addUser makes the account that commands run as.
func addUser(ctx context.Context, dir string) (name string, remove func(), err error) {
	name = fmt.Sprintf("rexec-bench-%d", os.Getpid())
	// "*" is a password that nothing matches; useradd's own "!" would lock the account for sshd without PAM.
	if err := tool(ctx, "useradd", "-M", "-N", "-d", filepath.Join(dir, "home"), "-s", "/bin/sh", "-p", "*", name); err != nil {
		return "", nil, err
	}
	remove = func() {
		if err := tool(context.WithoutCancel(ctx), "userdel", "-f", name); err != nil {
			fmt.Fprintln(os.Stderr, "compare:", err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o755); err != nil {
		remove()
		return "", nil, err
	}
	return name, remove, nil
}

// tool runs a program that sets something up; its words are only worth reading when it fails.
func tool(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
