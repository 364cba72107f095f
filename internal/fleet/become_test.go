package fleet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"rexec/client"
	"rexec/internal/server"
)

// fakeSudo behaves as sudo -S -k -p PROMPT -- COMMAND... does (sudo(8)): it takes a line from stdin and not a byte more,
// asks three times at most, and lets in without a question whoever ASK_NOBODY names.
const fakeSudo = `#!/bin/sh
[ "$1 $2 $3 $5" = "-S -k -p --" ] || { echo "sudo: usage: $*" >&2; exit 1; }
prompt=$4; shift 5
echo "$prompt" | grep -q %% && { echo "sudo: a percent sign in the prompt" >&2; exit 1; }
echo "$0 $*" >>"$(dirname "$0")/argv"; env >>"$(dirname "$0")/env"
if [ ! -e "$(dirname "$0")/nobody-is-asked" ]; then
	echo "the usual lecture" >&2
	for try in 1 2 3; do
		printf %s "$prompt" >&2
		if ! read -r password; then echo "sudo: no password was provided" >&2; exit 1; fi
		[ "$password" = "open sesame" ] && break
		echo "Sorry, try again." >&2
		[ $try = 3 ] && { echo "sudo: 3 incorrect password attempts" >&2; exit 1; }
	done
fi
BECAME=root; export BECAME
exec "$@"
`

// sudoLab is a lab whose commands find the fake sudo, in the folder that is given.
func sudoLab(t *testing.T, n int) ([]Host, string) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sudo"), []byte(fakeSudo), 0o755))
	return lab(t, n, func(c *server.Config) { c.Path = dir + ":/usr/bin:/bin" }), dir
}

func TestBecomeGivesThePasswordWhenAskedAndNowhereElse(t *testing.T) {
	hosts, dir := sudoLab(t, 4)
	for name, run := range map[string]Run{
		"a line": {Command: line(`echo "$BECAME %h"; cat; echo err >&2`)},
		"words": {Command: func(ctx context.Context, c *client.Client, _ Host) *client.Cmd {
			return c.Command(ctx, "sh", "-c", `echo "$BECAME $0"; cat; echo err >&2`, "%h")
		}},
		"a system's line": {Command: func(ctx context.Context, c *client.Client, _ Host) *client.Cmd {
			cmd := c.Shell(ctx, "")
			cmd.Systems = map[string]string{"linux": `echo "$BECAME %h"; cat; echo 'err' >&2`, "windows": "ver"}
			return cmd
		}},
		"all other systems": {Command: func(ctx context.Context, c *client.Client, _ Host) *client.Cmd {
			cmd := c.Shell(ctx, `echo "$BECAME %h"; cat; echo 'err' >&2`)
			cmd.Systems = map[string]string{"windows": "ver"}
			return cmd
		}},
		"a shell": {Command: line(""), Stdin: strings.NewReader(`echo "$BECAME h00"; echo err >&2`)},
	} {
		t.Run(name, func(t *testing.T) {
			v := newRecorder()
			run.Hosts, run.View, run.Become = hosts, v, &Become{Password: []byte("open sesame")}
			if run.Stdin == nil {
				run.Stdin = strings.NewReader("in\nput")
			}
			results, _ := run.Do(context.Background())
			require.Equal(t, map[State]string{OK: "h[01-04]"}, statesOf(results), "%s%s", results[0].Words, v.err["h01"])
			for i, h := range hosts {
				want := "root " + h.Name + "\nin\nput"
				if name == "a shell" {
					want = "root h00\n"
				}
				assert.Equal(t, want, v.out[h.Name].String())
				assert.Equal(t, "the usual lecture\nerr\n", v.err[h.Name].String(), "no mark is left")
				assert.NotContains(t, results[i].Status.Error, "sesame")
				if name != "a shell" {
					assert.Equal(t, uint64(len("in\nput")), results[i].Status.BytesIn, "not even its length is told")
				}
			}
		})
	}
	for _, name := range []string{"argv", "env"} {
		seen, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.NotEmpty(t, seen)
		assert.NotContains(t, string(seen), "sesame")
	}
}

func TestWhoIsNotAskedGetsNoPassword(t *testing.T) {
	hosts, dir := sudoLab(t, 2)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nobody-is-asked"), nil, 0o600))
	for _, stdin := range []io.Reader{nil, strings.NewReader("first line\n")} {
		v := newRecorder()
		r := Run{Hosts: hosts, Command: line("cat; echo end"), View: v, Stdin: stdin, Become: &Become{Password: []byte("open sesame")}}
		results, _ := r.Do(context.Background())
		require.Equal(t, map[State]string{OK: "h[01-02]"}, statesOf(results))
		want := "end\n"
		if stdin != nil {
			want = "first line\nend\n"
		}
		assert.Equal(t, want, v.out["h01"].String())
	}
}

func TestAWrongPasswordIsTriedOnceAndNoPasswordNever(t *testing.T) {
	hosts, _ := sudoLab(t, 2)
	for password, words := range map[string]string{"wrong": "sudo did not take the password", "": "sudo asks for a password, and nobody sits here to type it"} {
		b := &Become{}
		if password != "" {
			b.Password = []byte(password)
		}
		v := newRecorder()
		r := Run{Hosts: hosts, Command: line("id"), View: v, Become: b, Stdin: strings.NewReader("open sesame\nopen sesame\n")}
		results, _ := r.Do(context.Background())
		require.Equal(t, map[State]string{Failed: "h[01-02]"}, statesOf(results))
		assert.Equal(t, words, results[0].Words)
		assert.Contains(t, v.err["h01"].String(), "no password was provided")
		assert.Equal(t, min(len(password), 1), strings.Count(v.err["h01"].String(), "Sorry"), "what is for the command is never tried")
	}
}

// A command may say anything: once it runs, a mark means nothing.
func TestACommandThatShowsTheMarkGetsNothing(t *testing.T) {
	hosts, _ := sudoLab(t, 1)
	v := newRecorder()
	r := Run{Hosts: hosts, View: v, Become: &Become{Password: []byte("open sesame")},
		Command: line(`mark=$(tr '\0' '\n' </proc/$PPID/cmdline | grep 'rexec asks'); printf %s "${mark:-[rexec asks 00]}" >&2; read -r x; echo "got $x"`)}
	results, _ := r.Do(context.Background())
	require.Equal(t, map[State]string{OK: "h01"}, statesOf(results))
	assert.Equal(t, "got \n", v.out["h01"].String())
	assert.Contains(t, v.err["h01"].String(), "[rexec asks ")
}

func TestMarksAreFoundWhereverTheStreamIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var passed bytes.Buffer
		c := (&Become{Password: []byte("pw")}).wrap(&client.Cmd{Line: "x", Stderr: &passed})
		defer c.close()
		before := rapid.StringOf(rapid.SampledFrom([]rune("[rexc ask"))).Draw(t, "before")
		after := rapid.StringOf(rapid.SampledFrom([]rune("[rexc "))).Draw(t, "after")
		text := before + c.ask + after + c.ready + "behind " + c.ask
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			_, err := filter{c}.Write([]byte(rest[:n]))
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, c.end())
		require.Equal(t, before+after+"behind "+c.ask, passed.String())
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "pw\n", string(got))
	})
}

func TestWhatLooksLikeTheBeginningOfAMarkIsNotLost(t *testing.T) {
	var passed bytes.Buffer
	c := (&Become{}).wrap(&client.Cmd{Line: "x", Stderr: &passed})
	_, err := filter{c}.Write([]byte("sudo: command not found [rexec as"))
	require.NoError(t, err)
	require.Equal(t, "sudo: command not found ", passed.String())
	require.NoError(t, c.end())
	require.Equal(t, "sudo: command not found [rexec as", passed.String())
	require.Empty(t, c.complaint())

	full := errors.New("disk full")
	c = (&Become{}).wrap(&client.Cmd{Line: "x", Stderr: sinkFunc(func([]byte) error { return full })})
	_, err = filter{c}.Write([]byte("text"))
	require.ErrorIs(t, err, full)
}

func TestAReaderThatWaitsEndsWithTheCommand(t *testing.T) {
	c := (&Become{}).wrap(&client.Cmd{Line: "x", Stderr: io.Discard})
	var reading sync.WaitGroup
	reading.Go(func() {
		n, err := c.Read(make([]byte, 10))
		assert.Zero(t, n)
		assert.Equal(t, io.EOF, err)
	})
	c.close()
	reading.Wait()
	var none *conversation
	none.close()
	require.NoError(t, none.end())
	require.Empty(t, none.complaint())
}

func TestWordsAreQuotedForAnyShell(t *testing.T) {
	assert.Equal(t, `sudo -S '' 'a b' 'it'\''s' '$x' a/b=c`, quote([]string{"sudo", "-S", "", "a b", "it's", "$x", "a/b=c"}))
}
