//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sshdPath is whole because sshd insists on it: it starts itself anew for each connection.
const sshdPath = "/usr/sbin/sshd"

// daemon is one that this program started and ends.
type daemon struct {
	cmd *exec.Cmd
	log string // the file its words go to
}

// launch starts a daemon and waits until it takes connections.
func launch(ctx context.Context, log, address, name string, args ...string) (daemon, error) {
	f, err := os.Create(log)
	if err != nil {
		return daemon{}, err
	}
	defer f.Close()
	d := daemon{exec.Command(name, args...), log}
	d.cmd.Stdout, d.cmd.Stderr = f, f
	if err := d.cmd.Start(); err != nil {
		return daemon{}, err
	}
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			return d, c.Close()
		}
		if !pause(ctx, 25*time.Millisecond) {
			break
		}
	}
	d.stop()
	said, _ := os.ReadFile(log)
	return daemon{}, fmt.Errorf("%s does not listen on %s: %s", name, address, said)
}

// stop ends the daemon and waits for it.
func (d daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(15*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	_ = d.cmd.Wait()
}

// rexecd is the daemon and how its client is called.
type rexecd struct {
	daemon
	client []string // program, options, host
	shared []string // bench/shared and its options: a terminal and a transfer over one connection
	begin  func(ctx context.Context) (daemon, error)
}

func startRexec(ctx context.Context, dir, bin, user string) (*rexecd, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	state, conf := filepath.Join(dir, "rexecd"), filepath.Join(dir, "rexec")
	program := filepath.Join(bin, "rexecd")
	token, err := exec.CommandContext(ctx, program, "init", "--name", "box", "--listen", address, "--state", state).Output()
	if err != nil {
		return nil, fmt.Errorf("rexecd init: %w", err)
	}
	r := &rexecd{begin: func(ctx context.Context) (daemon, error) {
		return launch(ctx, filepath.Join(dir, "rexecd.log"), address, program, "serve", "--state", state)
	}}
	r.client = []string{filepath.Join(bin, "rexec"), "--config-dir", conf, "-l", user, "box"}
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, token, 0o600); err != nil {
		return nil, err
	}
	r.shared = []string{filepath.Join(bin, "shared"), "-token", tokenFile, "-user", user}
	add := exec.CommandContext(ctx, r.client[0], "host", "add", "--config-dir", conf, "box")
	add.Stdin = strings.NewReader(string(token))
	if out, err := add.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("rexec host add: %w: %s", err, out)
	}
	if r.daemon, err = r.begin(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// again ends the daemon and starts a new one, whose memory shows nothing of what was measured before.
func (r *rexecd) again(ctx context.Context) (err error) {
	r.stop()
	r.daemon, err = r.begin(ctx)
	return err
}

// sshd is the daemon, how its client is called, and a master connection for the client that shares it.
type sshd struct {
	daemon
	client []string // program, options, host
	shared []string // the same over the master
	master *exec.Cmd
}

func startSSH(ctx context.Context, dir, user string) (*sshd, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host_key", "user_key"} {
		if err := tool(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in(key)); err != nil {
			return nil, err
		}
	}
	hostKey, err := os.ReadFile(in("host_key.pub"))
	if err != nil {
		return nil, err
	}
	userKey, err := os.ReadFile(in("user_key.pub"))
	if err != nil {
		return nil, err
	}
	config := strings.Join([]string{
		"ListenAddress 127.0.0.1", "Port " + port, "HostKey " + in("host_key"), "PidFile none",
		"AuthorizedKeysFile " + in("authorized"), "AuthenticationMethods publickey", "StrictModes no",
		"UsePAM no", "UseDNS no", "PrintMotd no", "PrintLastLog no", "X11Forwarding no", "Compression no",
		"LogLevel ERROR", "MaxStartups 1000", "MaxSessions 1000",
	}, "\n") + "\n"
	for name, text := range map[string]string{
		"sshd_config": config,
		"authorized":  string(userKey),
		"known_hosts": fmt.Sprintf("[127.0.0.1]:%s %s", port, hostKey),
	} {
		if err := os.WriteFile(in(name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd's empty folder; the package's service would make it
		return nil, err
	}
	options := []string{
		"ssh", "-F", "/dev/null", "-p", port, "-l", user, "-T", "-i", in("user_key"),
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "UserKnownHostsFile=" + in("known_hosts"),
		"-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
		"-o", "PreferredAuthentications=publickey", "-o", "UpdateHostKeys=no", "-o", "Compression=no",
		"-c", "aes128-gcm@openssh.com",
	}
	with := func(more ...string) []string { return append(append([]string{}, options...), more...) }
	s := &sshd{client: with("127.0.0.1"), shared: with("-o", "ControlPath="+in("master"), "127.0.0.1")}
	if s.daemon, err = launch(ctx, in("sshd.log"), address, sshdPath, "-D", "-e", "-f", in("sshd_config")); err != nil {
		return nil, err
	}
	master := with("-N", "-o", "ControlMaster=yes", "-o", "ControlPath="+in("master"), "127.0.0.1")
	s.master = exec.Command(master[0], master[1:]...)
	if err := s.master.Start(); err != nil {
		s.daemon.stop()
		return nil, err
	}
	for range 200 {
		if _, err := os.Stat(in("master")); err == nil {
			return s, nil
		}
		if !pause(ctx, 25*time.Millisecond) {
			break
		}
	}
	s.stop()
	said, _ := os.ReadFile(s.log)
	return nil, fmt.Errorf("ssh has no master connection: %s", said)
}

// stop ends the master connection and the daemon.
func (s *sshd) stop() {
	_ = s.master.Process.Signal(syscall.SIGTERM)
	_ = s.master.Wait()
	s.daemon.stop()
}

// freeAddress is a port of loopback that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// pause waits, or reports false when ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// resident is the memory of a process in bytes that is in RAM and its own, shared pages counted by their share
// (proc_pid_smaps(5), Pss).
func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no Pss in smaps_rollup")
}

// below lists the processes that pid started, and those they started, with one of these names.
func below(pid int, names ...string) []int {
	var found []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", queue[0]))
		for _, t := range tasks {
			b, _ := os.ReadFile(t)
			for _, f := range strings.Fields(string(b)) {
				child, err := strconv.Atoi(f)
				if err != nil {
					continue
				}
				queue = append(queue, child)
				name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
				for _, n := range names {
					if strings.TrimSpace(string(name)) == n {
						found = append(found, child)
					}
				}
			}
		}
	}
	return found
}
