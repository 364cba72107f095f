//go:build linux

// Command fleet runs true on many hosts at once, all of them this machine under other loopback addresses, with rexec, and
// with clush and pdsh over ssh beside it; it needs root and Debian.
//
// It leaves to others to judge the numbers: whatever else the machine does goes into them, client and daemon share its
// processors, and every rexec host is the same daemon, as every ssh host is the same sshd.
//
// What makes it fair is as in bench/compare: both daemons run commands as the same throw-away user with /bin/sh and an
// empty home, sshd does without PAM and DNS, and each program gets the same number of hosts at a time. All of it is cold:
// no connection and no master is there before.
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
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// Aims.
const (
	aimSeconds = 1.0 // for aimHosts
	aimHosts   = 500
	aimTimes   = 20  // faster than the others
	aimMB      = 150 // of memory
)

// plan is how much is measured.
type plan struct {
	sizes  []int // numbers of hosts
	rounds int   // of rexec
	fanout int
	others int // hosts that clush and pdsh get; 0: they are not run
}

func main() {
	p := plan{sizes: []int{10, 100, aimHosts, 1000}}
	flag.IntVar(&p.rounds, "rounds", 7, "rounds of rexec for each number of hosts")
	flag.IntVar(&p.fanout, "fanout", 64, "hosts at a time")
	flag.IntVar(&p.others, "others", aimHosts, "hosts that clush and pdsh get; 0: they are not run")
	bin := flag.String("bin", "", "folder with rexec and rexecd; empty: built from this module")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p, *bin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// run sets both up in a folder of their own, measures, and takes everything down again.
func run(ctx context.Context, p plan, bin string, w io.Writer) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("needs root: sshd has to become another user")
	}
	dir, err := os.MkdirTemp("", "rexec-fleet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // sshd reads the authorized key as the user
		return err
	}
	if bin == "" {
		bin = filepath.Join(dir, "bin")
		if err := tool(ctx, "env", "CGO_ENABLED=0", "go", "build", "-o", bin+"/", "rexec/cmd/..."); err != nil {
			return err
		}
	}
	user, remove, err := addUser(ctx, dir)
	if err != nil {
		return err
	}
	defer remove()
	rex, err := startRexec(ctx, dir, bin, user, slices.Max(p.sizes))
	if err != nil {
		return err
	}
	defer rex.stop()

	load, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(load), " ")
	fmt.Fprintf(w, "%s, %d cores, load %s, loopback, %d at a time\n", runtime.GOARCH, runtime.NumCPU(), one, p.fanout)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer tw.Flush()
	fmt.Fprintln(tw, "true on\twith\tseconds\tper host\tmemory\taim")
	if _, err := measure(ctx, rex.line(p, slices.Max(p.sizes)), rex.env); err != nil { // warms the files, and fails early
		return err
	}
	var ours float64
	for _, n := range p.sizes {
		var all []taken
		for range p.rounds {
			t, err := measure(ctx, rex.line(p, n), rex.env)
			if err != nil {
				return err
			}
			all = append(all, t)
		}
		slices.SortFunc(all, func(a, b taken) int { return int(a.time - b.time) })
		median := all[len(all)/2]
		aim := ""
		if n == aimHosts {
			ours = median.time.Seconds()
			aim = verdict(ours <= aimSeconds, fmt.Sprintf("%.1f s", aimSeconds)) + ", " + verdict(median.mb() < aimMB, fmt.Sprintf("%d MB", aimMB))
		}
		median.row(tw, n, "rexec", aim)
	}
	if p.others == 0 {
		return nil
	}
	ssh, err := startSSH(ctx, dir, user)
	if err != nil {
		return err
	}
	defer ssh.stop()
	for _, other := range ssh.others(p) {
		t, err := measure(ctx, other.line, other.env)
		if err != nil {
			return err
		}
		aim := ""
		if p.others == aimHosts {
			times := t.time.Seconds() / ours
			aim = fmt.Sprintf("%.1f times: %s", times, verdict(times >= aimTimes, fmt.Sprintf("%d", aimTimes)))
		}
		t.row(tw, p.others, other.line[0]+" over ssh", aim)
	}
	return nil
}

func verdict(ok bool, aim string) string {
	if ok {
		return aim + " met"
	}
	return aim + " missed"
}

// taken is what one run took.
type taken struct {
	time   time.Duration
	maxRSS int64 // KiB, of the program alone: what it started is not in it
}

func (t taken) mb() float64 { return float64(t.maxRSS) / 1000 }

func (t taken) row(w io.Writer, hosts int, with, aim string) {
	fmt.Fprintf(w, "%d\t%s\t%.2f\t%.2f ms\t%.0f MB\t%s\n", hosts, with, t.time.Seconds(), t.time.Seconds()*1e3/float64(hosts), t.mb(), aim)
}

// measure runs a command line to its end. A failure is fatal: a fast failure must not count.
func measure(ctx context.Context, line, env []string) (taken, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if text := said.String(); err != nil {
		return taken{}, fmt.Errorf("%s: %w: %s", strings.Join(line, " "), err, text[:min(len(text), 2000)])
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return taken{took, usage.Maxrss}, nil
}

// address is the one of host i, from 1: loopback has a few million.
func address(i int) string { return fmt.Sprintf("127.7.%d.%d", i/250, i%250+1) }

// tool runs a program that sets something up; its words are only worth reading when it fails.
func tool(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// addUser makes the account that commands run as.
func addUser(ctx context.Context, dir string) (name string, remove func(), err error) {
	name = fmt.Sprintf("rexec-fleet-%d", os.Getpid())
	// "*" is a password that nothing matches; useradd's own "!" would lock the account for sshd without PAM.
	if err := tool(ctx, "useradd", "-M", "-N", "-d", filepath.Join(dir, "home"), "-s", "/bin/sh", "-p", "*", name); err != nil {
		return "", nil, err
	}
	remove = func() {
		if err := tool(context.WithoutCancel(ctx), "userdel", "-f", name); err != nil {
			fmt.Fprintln(os.Stderr, "fleet:", err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o755); err != nil {
		remove()
		return "", nil, err
	}
	return name, remove, nil
}
