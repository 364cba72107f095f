//go:build linux

package dropin

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rexec/internal/e2e/ports"
	"rexec/internal/e2e/sources"
)

// everything says that nothing may be left out.
var everything = os.Getenv("REXEC_E2E") == "all"

// way is one of the two ways to the hosts.
type way struct {
	name string
	ssh  string   // the executable that acts as ssh
	bin  string   // a folder in which it is called ssh, first in PATH
	env  []string // on top of what all programs get
}

// world is a daemon and an sshd on loopback, both under the names lab1, lab2 and lab3.
type world struct {
	dir            string // short, because sockets have short paths (unix(7))
	rexec, openssh way
	state          string // of the daemon
	config         string // of the client
	port, sshPort  int
	daemon, sshd   *exec.Cmd
	log, sshLog    buffer
}

// hosts are several names and addresses of the same two servers.
var hosts = map[string]string{"lab1": "127.0.0.1", "lab2": "127.0.0.2", "lab3": "127.0.0.3"}

// earth is the one world, made for the first test that can run.
var earth = sync.OnceValues(newWorld)

var made *world // what TestMain has to end; written by newWorld

func TestMain(m *testing.M) {
	// Under nohup or a script's & some signals are ignored, and so they would be in the programs.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	code := m.Run()
	if made != nil {
		if err := made.end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

func newWorld() (*world, error) {
	dir, err := os.MkdirTemp("", "rxd")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, state: dir + "/state", config: dir + "/config"}
	made = w
	for _, d := range []string{"bin", "rexec", "openssh", "config", "home"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	for _, f := range []func() error{w.build, w.startDaemon, w.addHosts, w.startSSHD} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// end stops the servers as an administrator would.
func (w *world) end() error {
	var errs []error
	for _, p := range []struct {
		cmd *exec.Cmd
		log *buffer
	}{{w.daemon, &w.log}, {w.sshd, &w.sshLog}} {
		if p.cmd == nil {
			continue
		}
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		var exit *exec.ExitError
		if err := p.cmd.Wait(); err != nil && (p.cmd == w.daemon || !errors.As(err, &exit)) {
			errs = append(errs, fmt.Errorf("%s: %w\n%s", p.cmd.Path, err, p.log))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// build makes the two programs. rexec is rexec-ssh and ssh too.
func (w *world) build() error {
	if err := sources.Look(filepath.Join("..", "..", "..")); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", w.dir+"/bin/", "rexec/cmd/rexec", "rexec/cmd/rexecd")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	w.rexec = way{name: "rexec", ssh: w.dir + "/bin/rexec-ssh", bin: w.dir + "/rexec", env: []string{"XDG_CONFIG_HOME=" + w.config}}
	return errors.Join(os.Symlink("rexec", w.rexec.ssh), os.Symlink("../bin/rexec", w.rexec.bin+"/ssh"))
}

func (w *world) startDaemon() error {
	var err error
	if w.port, err = ports.Free(); err != nil {
		return err
	}
	listen := func(ip string) string { return fmt.Sprintf("%s:%d", ip, w.port) }
	token, err := w.rexecd("init", "--name", "box", "--listen", listen("127.0.0.1")).Output()
	if err != nil {
		return fmt.Errorf("rexecd init: %w", err)
	}
	text := fmt.Sprintf("names = [\"box\"]\nlisten = [%q, %q, %q]\nshell = \"/bin/sh\"\nlog_format = \"text\"\n",
		listen(hosts["lab1"]), listen(hosts["lab2"]), listen(hosts["lab3"]))
	if err := errors.Join(os.WriteFile(w.state+"/rexecd.toml", []byte(text), 0o600), os.WriteFile(w.dir+"/token", token, 0o600)); err != nil {
		return err
	}
	w.daemon = w.rexecd("serve")
	return w.start(w.daemon, &w.log, w.port)
}

// rexecd is the daemon's program with its folder, unable to see the user's.
func (w *world) rexecd(args ...string) *exec.Cmd {
	cmd := exec.Command(w.dir+"/bin/rexecd", append(args, "--state", w.state)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir + "/home", "LANG=C.UTF-8"}
	return cmd
}

// addHosts makes the hosts known to rexec, as a user does.
func (w *world) addHosts() error {
	token, err := os.ReadFile(w.dir + "/token")
	if err != nil {
		return err
	}
	for name := range hosts {
		if err := w.addHost(name, token); err != nil {
			return err
		}
	}
	path := w.config + "/rexec/hosts.toml"
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for name, ip := range hosts { // the token has the first address for all
		before, after, found := strings.Cut(string(text), fmt.Sprintf("name = %q", name))
		if !found {
			return fmt.Errorf("no %s in %s", name, text)
		}
		after = strings.Replace(after, fmt.Sprintf("127.0.0.1:%d", w.port), fmt.Sprintf("%s:%d", ip, w.port), 1)
		text = []byte(before + fmt.Sprintf("name = %q", name) + after)
	}
	return os.WriteFile(path, text, 0o600)
}

func (w *world) addHost(name string, token []byte) error {
	add := exec.Command(w.dir+"/bin/rexec", "host", "add", name)
	add.Env = []string{"HOME=" + w.dir + "/home", "XDG_CONFIG_HOME=" + w.config}
	add.Stdin = bytes.NewReader(token)
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("rexec host add: %w\n%s", err, out)
	}
	return nil
}

// startSSHD runs OpenSSH's server with keys of its own, and makes an ssh that knows it.
func (w *world) startSSHD() error {
	sshd, err := look("sshd")
	if err != nil {
		return err
	}
	if os.Getuid() == 0 { // its privilege separation wants the folder that init scripts make
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return err
		}
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	if w.sshPort, err = ports.Free(); err != nil {
		return err
	}
	at := w.dir + "/openssh/"
	for _, key := range []string{"host_key", "user_key"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at+key).CombinedOutput(); err != nil {
			return fmt.Errorf("ssh-keygen: %w\n%s", err, out)
		}
	}
	listen := ""
	for _, ip := range hosts {
		listen += "ListenAddress " + ip + "\n"
	}
	// SHLVL has bash leave out .bashrc, which is this machine's and not the test's.
	server := fmt.Sprintf("Port %d\n%sHostKey %shost_key\nPidFile none\nAuthorizedKeysFile %suser_key.pub\nStrictModes no\n"+
		"UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nSubsystem sftp internal-sftp\nAcceptEnv LANG LC_* GIT_PROTOCOL\n"+
		"MaxStartups 100\nPrintMotd no\nSetEnv SHLVL=2\n", w.sshPort, listen, at, at)
	client := ""
	for name, ip := range hosts {
		client += fmt.Sprintf("Host %s\n HostName %s\n", name, ip)
	}
	client += fmt.Sprintf("Host *\n Port %d\n User %s\n IdentityFile %suser_key\n IdentitiesOnly yes\n UserKnownHostsFile /dev/null\n"+
		" GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking no\n LogLevel ERROR\n ControlMaster no\n ControlPath none\n", w.sshPort, me.Username, at)
	script := fmt.Sprintf("#!/bin/sh\nexec /usr/bin/ssh -F %sssh_config \"$@\"\n", at)
	if err := errors.Join(os.WriteFile(at+"sshd_config", []byte(server), 0o600), os.WriteFile(at+"ssh_config", []byte(client), 0o600),
		os.WriteFile(at+"ssh", []byte(script), 0o755)); err != nil {
		return err
	}
	w.openssh = way{name: "openssh", ssh: at + "ssh", bin: w.dir + "/openssh"}
	w.sshd = exec.Command(sshd, "-D", "-e", "-f", at+"sshd_config")
	return w.start(w.sshd, &w.sshLog, w.sshPort)
}

// start starts a server and waits until it listens at all of its addresses, in whatever order it opens them.
func (w *world) start(cmd *exec.Cmd, log *buffer, port int) error {
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return err
	}
	for _, ip := range hosts {
		if err := listens(fmt.Sprintf("%s:%d", ip, port)); err != nil {
			return fmt.Errorf("%s: %w: %s", cmd.Path, err, log)
		}
	}
	return nil
}

// listens waits until somebody listens at an address.
func listens(address string) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// look finds a program, also where only root usually looks.
func look(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + program)
}

// buffer is a bytes.Buffer that a process writes while a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
