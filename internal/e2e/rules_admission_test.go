//go:build unix

package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
	"rexec/internal/server"
)

func TestSem44_WrongKeyUnknownIdAndWrongServerReadTheSame(t *testing.T) {
	p := start(t)
	good := p.token()
	mark := filepath.Join(t.TempDir(), "mark")
	said := map[string]bool{}
	for _, pinned := range []bool{true, false} {
		for name, change := range map[string]func(*hmacauth.Token){
			"a wrong key":       func(tok *hmacauth.Token) { tok.Secret = hmacauth.NewSecret() },
			"an unknown key id": func(tok *hmacauth.Token) { tok.KeyID = "nobody" },
			"a wrong server id": func(tok *hmacauth.Token) { tok.ServerID = "other" },
		} {
			p.kill() // with it go the penalties for wrong proofs
			p.serve()
			tok := good
			change(&tok)
			if !pinned {
				tok.Pin = nil
			}
			s := p.stranger()
			file := filepath.Join(s.config, "token")
			require.NoError(t, os.WriteFile(file, []byte(tok.Encode()), 0o600))
			o, st := s.runStatus("", "-i", file, "-p", fmt.Sprint(p.port), "127.0.0.1", "touch "+mark)
			ours(t, o, 255, "^rexec: 127.0.0.1: .* did not admit this key .*not authenticated.*: compare rexec host ls here with rexecd key ls there", tok.Encode(), good.Encode())
			assert.Equal(t, []any{"not_started", "authentication"}, []any{st["kind"], st["error_class"]}, name)
			said[o.stderr] = true
			assert.NoFileExists(t, filepath.Join(s.config, "rexec", "pins.toml"), "%s: nothing is pinned", name)
			keepsQuiet(t, p.log.String(), tok.Encode(), good.Encode())
		}
	}
	assert.Len(t, said, 1, "the same words for all")
	assert.NoFileExists(t, mark)
	assert.Equal(t, outcome{}, p.run(p.rexec("box", "true"), ""))
}

func TestSem45_AnotherCertificateThanThePinnedOneIsRefused(t *testing.T) {
	p := start(t)
	good := p.tokenText()
	mark := filepath.Join(t.TempDir(), "mark")
	p.stop()
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(p.state, "host.key"), key, 0o600))
	p.serve()
	o, s := p.runStatus("", "box", "touch "+mark)
	ours(t, o, 255, "^rexec: box: .*another certificate than the pinned one: somebody may stand in between; .*rexec host trust box", good)
	assert.Equal(t, "authentication", s["error_class"])
	assert.NoFileExists(t, mark)
	o = p.run(p.rexec("host", "trust", "box"), "")
	assert.Equal(t, 0, o.code, o.stderr)
	assert.Regexp(t, "^box: the pin was [0-9a-f]{16} and is [0-9a-f]{16}\n$", o.stdout)
	assert.Equal(t, outcome{}, p.run(p.rexec("box", "true"), ""))
}

func TestHostsOfASetAreTrustedOneByOne(t *testing.T) {
	p := start(t)
	f, err := os.OpenFile(filepath.Join(p.config, "rexec", "hosts.toml"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	for name, port := range map[string]int{"pc1": p.port, "pc2": freePort(t), "pc3": p.port} {
		_, err = fmt.Fprintf(f, "\n[[host]]\nname = %q\naddress = \"127.0.0.1:%d\"\nkey = \"box\"\nserver_id = \"box\"\n", name, port)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	o := p.run(p.rexec("host", "trust", "pc[1-3]"), "")
	assert.Equal(t, 255, o.code)
	assert.Regexp(t, "^rexec: pc2: .*nobody listens there.*\nrexec: 1 of 3 hosts have the pin that they had: .*\n$", o.stderr)
	assert.Regexp(t, "^pc1: the pin was [0-9a-f]{16} and is [0-9a-f]{16}\npc3: the pin was [0-9a-f]{16} and is [0-9a-f]{16}\n$", o.stdout)
	ours(t, p.run(p.rexec("host", "trust", "pc[8-9]"), ""), 255, `^rexec: hosts pc\[8-9\] are not known`)
}

func TestSem45_AManInTheMiddleRunsNothing(t *testing.T) {
	p := start(t)
	key, err := server.NewHostKey("box")
	require.NoError(t, err)
	cert, err := tls.X509KeyPair(key, key)
	require.NoError(t, err)
	middle := peer(t, func(c net.Conn) {
		front := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"rexec/1"}, MinVersion: tls.VersionTLS13})
		if front.Handshake() != nil {
			return
		}
		back, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"rexec/1"}})
		if err != nil {
			return
		}
		defer back.Close()
		go func() {
			_, _ = io.Copy(back, front)
			_ = back.CloseWrite()
		}()
		_, _ = io.Copy(front, back)
	})
	mark := filepath.Join(t.TempDir(), "mark")
	run := func(who *program, args ...string) outcome {
		return who.run(who.rexec(append(args, "touch "+mark)...), "")
	}
	ours(t, run(p, "-p", fmt.Sprint(middle), "box"), 255, "^rexec: box: .*another certificate than the pinned one")
	tok := p.token()
	tok.Pin = nil
	first := p.stranger()
	file := private(t, tok.Encode())
	ours(t, run(first, "-i", file, "-p", fmt.Sprint(middle), "127.0.0.1"), 255, "^rexec: 127.0.0.1: .*did not admit this key", tok.Encode())
	assert.NoFileExists(t, filepath.Join(first.config, "rexec", "pins.toml"), "a man in the middle is not pinned")
	assert.NoFileExists(t, mark)

	assert.Equal(t, outcome{}, run(first, "-i", file, "-p", fmt.Sprint(p.port), "127.0.0.1"), "the daemon itself, on first contact")
	assert.FileExists(t, mark)
	pins, err := os.ReadFile(filepath.Join(first.config, "rexec", "pins.toml"))
	require.NoError(t, err, "which pins it")
	assert.Contains(t, string(pins), fmt.Sprintf("%x", p.token().Pin))
}

func TestSem45_ADaemonThatHoldsTheSameKeyIsNotTheOneMeant(t *testing.T) {
	p, q := start(t), start(t)
	q.stop()
	ring, err := os.ReadFile(filepath.Join(p.state, "keyring.toml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(q.state, "keyring.toml"), ring, 0o600))
	conf, err := os.ReadFile(filepath.Join(q.state, "rexecd.toml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(q.state, "rexecd.toml"), []byte(strings.Replace(string(conf), `["box"]`, `["other"]`, 1)), 0o600))
	q.serve()
	mark := filepath.Join(t.TempDir(), "mark")
	ours(t, p.run(p.rexec("-p", fmt.Sprint(q.port), "box", "touch "+mark), ""), 255, "^rexec: box: .*another certificate than the pinned one")
	tok := p.token()
	tok.Pin = nil
	s := p.stranger()
	ours(t, s.run(s.rexec("-i", private(t, tok.Encode()), "-p", fmt.Sprint(q.port), "127.0.0.1", "touch "+mark), ""), 255, "^rexec: 127.0.0.1: .*did not admit this key")
	tok.ServerID = "other"
	assert.Equal(t, outcome{}, s.run(s.rexec("-i", private(t, tok.Encode()), "-p", fmt.Sprint(q.port), "127.0.0.1", "true"), ""), "its own name is good")
	assert.NoFileExists(t, mark)
}
