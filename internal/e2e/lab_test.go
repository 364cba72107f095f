//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// member is a daemon that is set up with the token of one host of a lab.
func (p *program) member(name string, port int) *program {
	p.t.Helper()
	short, err := os.MkdirTemp("", "rx")
	require.NoError(p.t, err)
	p.t.Cleanup(func() { require.NoError(p.t, os.RemoveAll(short)) })
	return &program{t: p.t, state: filepath.Join(short, name), config: p.config, port: port}
}

// setUp is rexecd init with a token; stdin is for a token that comes from there.
func (p *program) setUp(stdin, token string, more ...string) outcome {
	p.t.Helper()
	args := append([]string{"init", "--token", token, "--listen", fmt.Sprintf("127.0.0.1:%d", p.port), "--state", p.state}, more...)
	o := p.run(p.command("rexecd", args...), stdin)
	if o.code != 0 {
		return o
	}
	f, err := os.OpenFile(filepath.Join(p.state, "rexecd.toml"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(p.t, err)
	_, err = fmt.Fprintln(f, `shell = "/bin/sh"`)
	require.NoError(p.t, err)
	require.NoError(p.t, f.Close())
	return o
}

func TestLabOpensEachHostWithASecretOfItsOwn(t *testing.T) {
	admin := &program{t: t, config: t.TempDir()}
	ok := func(o outcome) outcome { t.Helper(); require.Zero(t, o.code, o.stderr); return o }
	ok(admin.run(admin.rexec("lab", "init", "chem"), ""))

	tokens := filepath.Join(t.TempDir(), "tokens")
	hosts := map[string]*program{}
	for _, name := range []string{"pc01", "pc02", "pc03"} {
		h := admin.member(name, freePort(t))
		hosts[name] = h
		ok(admin.run(admin.rexec("lab", "token", "chem", name, "--address", fmt.Sprintf("127.0.0.1:%d", h.port), "--out", tokens), ""))
	}
	file := func(name string) string { return filepath.Join(tokens, name+".token") }

	// Whose token it is decides who can be set up with it; the master never leaves.
	o := hosts["pc02"].setUp("", file("pc01"), "--name", "pc02")
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, `rexecd: the token is for "pc01" and opens no other daemon, this one is to be "pc02": take the token that was made for "pc02"`)
	o = hosts["pc02"].setUp("", filepath.Join(admin.config, "rexec", "keys", "chem"))
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, "is a lab's master, which opens every host of the lab: a daemon never holds it")

	one := ok(admin.run(admin.rexec("lab", "token", "chem", "pc03"), "")).stdout
	ok(hosts["pc01"].setUp("", file("pc01")))
	ok(hosts["pc02"].setUp("", file("pc02"), "--name", "pc02"))
	ok(hosts["pc03"].setUp(one, "-"))
	for _, h := range hosts {
		h.serve()
		t.Cleanup(h.stop)
	}

	assert.Contains(t, ok(admin.run(admin.rexec("lab", "ls"), "")).stdout, "pc[01-03]  pc[01-03]")
	o = ok(admin.run(admin.rexec("-v", "pc02", "echo reached"), ""))
	assert.Equal(t, "reached\n", o.stdout)
	assert.Contains(t, o.stderr, "first contact with pc02")
	o = ok(admin.run(admin.rexec("-v", "pc02", "true"), ""))
	assert.Contains(t, o.stderr, "pc02 must show the certificate", "the first contact pinned it")
	assert.Regexp(t, `(?m)^chem +chem +3 +pc\[01-03\] +pc\[01,03\]$`, ok(admin.run(admin.rexec("lab", "ls"), "")).stdout)

	// All of them by the lab's name.
	o = ok(admin.run(admin.rexec("--fold", "@chem", "echo here"), ""))
	assert.Contains(t, o.stdout, "pc[01-03]")
	assert.Contains(t, o.stdout, "here")
	assert.Regexp(t, `(?m)^chem +chem +3 +pc\[01-03\] +-$`, ok(admin.run(admin.rexec("lab", "ls"), "")).stdout)

	// What pc01 was given opens neither pc02 nor pc03, under neither name.
	for _, name := range []string{"pc01", "pc02"} {
		o = admin.run(admin.rexec("-i", file("pc01"), "-o", "HostName=127.0.0.1", "-p", fmt.Sprint(hosts["pc02"].port), name, "echo no"), "")
		assert.Equal(t, 255, o.code, name)
		assert.Empty(t, o.stdout)
	}
	// A host that answers in another's place is refused, though the same lab key opens both.
	o = admin.run(admin.rexec("-p", fmt.Sprint(hosts["pc03"].port), "pc02", "echo no"), "")
	assert.Equal(t, 255, o.code)
	assert.Empty(t, o.stdout)
	for _, h := range hosts {
		assert.NotContains(t, h.log.String(), "rxt1_")
	}
}

func TestLabKeyJoinsADaemonThatIsSetUpAlready(t *testing.T) {
	p := start(t)
	run := func(stdin string, cmd ...string) outcome {
		t.Helper()
		o := p.run(p.command(cmd[0], cmd[1:]...), stdin)
		require.Zero(t, o.code, o.stderr)
		return o
	}
	run("", "rexec", "host", "rm", "box")
	run("", "rexec", "lab", "init", "chem")
	token := run("", "rexec", "lab", "token", "chem", "box", "--address", fmt.Sprintf("127.0.0.1:%d", p.port)).stdout
	o := p.run(p.rexec("box", "true"), "")
	assert.Equal(t, 255, o.code, "not before the daemon knows")
	assert.True(t, strings.HasPrefix(token, "rxt1_"))
	o = run(token, "rexecd", "key", "add", "--token", "-", "--no-terminal", "--state", p.state)
	assert.Empty(t, o.stdout)
	assert.Contains(t, o.stderr, "the running daemon knows")
	assert.Equal(t, "chem\n", run("", "rexec", "box", "echo $REXEC_KEY_ID").stdout)
	assert.Contains(t, run("", "rexecd", "key", "ls", "--state", p.state).stdout, "chem")
}
