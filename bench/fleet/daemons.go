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
	"strings"
	"syscall"
	"time"
)

// daemon is one that this program started and ends.
type daemon struct{ cmd *exec.Cmd }

// launch starts a daemon and waits until it takes connections.
func launch(ctx context.Context, log, port, name string, args ...string) (daemon, error) {
	f, err := os.Create(log)
	if err != nil {
		return daemon{}, err
	}
	defer f.Close()
	d := daemon{exec.Command(name, args...)}
	d.cmd.Stdout, d.cmd.Stderr = f, f
	if err := d.cmd.Start(); err != nil {
		return daemon{}, err
	}
	for range 200 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			return d, c.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(25 * time.Millisecond):
		}
	}
	d.stop()
	said, _ := os.ReadFile(log)
	return daemon{}, fmt.Errorf("%s does not listen on port %s: %s", name, port, said)
}

// stop ends the daemon and waits for it.
func (d daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(15*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	_ = d.cmd.Wait()
}

// freePort is one that nobody listens on now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// rexecd is the daemon and its client's folder.
type rexecd struct {
	daemon
	program, user string
	env           []string
}

// startRexec makes a daemon that is all hosts.
func startRexec(ctx context.Context, dir, bin, user string, hosts int) (*rexecd, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	state, conf := filepath.Join(dir, "rexecd"), filepath.Join(dir, "rexec")
	program := filepath.Join(bin, "rexecd")
	token, err := exec.CommandContext(ctx, program, "init", "--name", "box", "--listen", "0.0.0.0:"+port, "--state", state).Output()
	if err != nil {
		return nil, fmt.Errorf("rexecd init: %w", err)
	}
	r := &rexecd{program: filepath.Join(bin, "rexec"), user: user, env: []string{"REXEC_CONFIG_DIR=" + conf}}
	add := exec.CommandContext(ctx, r.program, "host", "add", "--config-dir", conf, "box")
	add.Stdin = strings.NewReader(string(token))
	if out, err := add.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("rexec host add: %w: %s", err, out)
	}
	f, err := os.OpenFile(filepath.Join(conf, "hosts.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	for i := range hosts {
		fmt.Fprintf(f, "\n[[host]]\nname = \"n%d\"\naddress = \"%s:%s\"\nkey = \"box\"\nserver_id = \"box\"\n", i+1, address(i+1), port)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	r.daemon, err = launch(ctx, filepath.Join(dir, "rexecd.log"), port, program, "serve", "--state", state)
	return r, err
}

// line is rexec's for the first so many hosts.
func (r *rexecd) line(p plan, hosts int) []string {
	return []string{r.program, "-n", "-l", r.user, "--fanout", fmt.Sprint(p.fanout), fmt.Sprintf("n[1-%d]", hosts), "true"}
}

// sshd is the daemon and how its client is called.
type sshd struct {
	daemon
	options []string
}

func startSSH(ctx context.Context, dir, user string) (*sshd, error) {
	for _, program := range []string{"clush", "pdsh", "ssh", "sshd"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if err := tool(ctx, "apt-get", "update", "-qq"); err != nil {
			return nil, err
		}
		if err := tool(ctx, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "openssh-server",
			"openssh-client", "clustershell", "pdsh"); err != nil {
			return nil, err
		}
		break
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host_key", "user_key"} {
		if err := tool(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in(key)); err != nil {
			return nil, err
		}
	}
	hostKey, errA := os.ReadFile(in("host_key.pub"))
	userKey, errB := os.ReadFile(in("user_key.pub"))
	if err := errors.Join(errA, errB); err != nil {
		return nil, err
	}
	config := strings.Join([]string{
		"ListenAddress 0.0.0.0", "Port " + port, "HostKey " + in("host_key"), "PidFile none",
		"AuthorizedKeysFile " + in("authorized"), "AuthenticationMethods publickey", "StrictModes no",
		"UsePAM no", "UseDNS no", "PrintMotd no", "PrintLastLog no", "X11Forwarding no", "Compression no",
		"LogLevel ERROR", "MaxStartups 1000", "MaxSessions 1000",
	}, "\n") + "\n"
	for name, text := range map[string]string{
		"sshd_config": config, "authorized": string(userKey), "known_hosts": "* " + string(hostKey),
	} {
		if err := os.WriteFile(in(name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd's empty folder; the package's service would make it
		return nil, err
	}
	s := &sshd{options: []string{
		"-F", "/dev/null", "-p", port, "-l", user, "-T", "-i", in("user_key"),
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "UserKnownHostsFile=" + in("known_hosts"),
		"-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
		"-o", "PreferredAuthentications=publickey", "-o", "UpdateHostKeys=no", "-o", "Compression=no",
		"-c", "aes128-gcm@openssh.com",
	}}
	s.daemon, err = launch(ctx, in("sshd.log"), port, "/usr/sbin/sshd", "-D", "-e", "-f", in("sshd_config"))
	return s, err
}

// other is another program's command line.
type other struct{ line, env []string }

// others are those that do the same over ssh.
func (s *sshd) others(p plan) []other {
	hosts := make([]string, p.others)
	for i := range hosts {
		hosts[i] = address(i + 1)
	}
	all, fanout, options := strings.Join(hosts, ","), fmt.Sprint(p.fanout), strings.Join(s.options, " ")
	return []other{
		{line: []string{"clush", "-n", "-S", "-f", fanout, "-o", options, "-w", all, "true"}},
		{line: []string{"pdsh", "-R", "ssh", "-S", "-f", fanout, "-w", all, "true"}, env: []string{"PDSH_SSH_ARGS_APPEND=", "PDSH_SSH_ARGS=" + options + " %h"}},
	}
}
