package sftpserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, c *sftp.Client, path string) []byte {
	t.Helper()
	f, err := c.Open(path)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return b
}

func packet(kind byte, id uint32, body ...[]byte) []byte {
	all := slices.Concat(body...)
	return slices.Concat(number(uint32(5+len(all))), []byte{kind}, number(id), all)
}

func TestAnswersKeepTheOrderOfRequests(t *testing.T) {
	const realpath, setstat = 16, 9
	requests := slices.Concat(number(5), []byte{1}, number(3))
	var want []uint32
	for id := uint32(1); id < 400; id++ {
		want = append(want, id)
		switch id % 4 {
		case 0:
			requests = append(requests, packet(typeMkdir, id, text("/d"), number(0))...)
		case 1:
			requests = append(requests, packet(realpath, id, text("/d"))...)
		case 2:
			requests = append(requests, packet(typeRmdir, id, text("/d"))...)
		case 3:
			requests = append(requests, packet(setstat, id, text("/d"), number(0))...)
		}
	}
	var out bytes.Buffer
	require.NoError(t, Serve(bytes.NewReader(requests), &out, Options{Root: t.TempDir()}))
	var ids []uint32
	for b := out.Bytes()[4+binary.BigEndian.Uint32(out.Bytes()):]; len(b) > 0; b = b[4+binary.BigEndian.Uint32(b):] {
		ids = append(ids, binary.BigEndian.Uint32(b[5:]))
	}
	assert.Equal(t, want, ids)
}

func TestRequestsThatAreCutShortEndTheServerQuietly(t *testing.T) {
	whole := slices.Concat(number(5), []byte{1}, number(3), packet(typeMkdir, 1, text("/d"), number(4), number(0o700)),
		packet(typeRename, 2, text("/d"), text("/e")), packet(16, 3, text(".")))
	for n := range whole {
		dir := t.TempDir()
		assert.NoError(t, Serve(bytes.NewReader(whole[:n]), io.Discard, Options{Root: dir}), "%d bytes", n)
	}
}

func TestMalformedRequestsAreAnsweredAsSuch(t *testing.T) {
	dir := t.TempDir()
	for name, request := range map[string][]byte{
		"no path":               packet(typeMkdir, 7),
		"a path beyond the end": packet(typeMkdir, 7, number(100), []byte("x")),
		"a huge path":           packet(typeRemove, 7, number(1<<32-1)),
		"no attributes":         packet(typeMkdir, 7, text("/x")),
		"no permissions":        packet(typeMkdir, 7, text("/x"), number(4)),
		"one path":              packet(typeRename, 7, text("/x")),
	} {
		var out bytes.Buffer
		require.NoError(t, Serve(bytes.NewReader(request), &out, Options{Root: dir}), name)
		r := reader{b: out.Bytes()[4:]}
		require.Equal(t, typeStatus, r.b[0], name)
		r.b = r.b[1:]
		assert.Equal(t, []uint32{7, statusBadMessage}, []uint32{r.number(), r.number()}, name)
	}
	assert.Empty(t, must(os.ReadDir(dir)))
}

// deaf takes some bytes and then fails.
type deaf struct{ left int }

var errDeaf = errors.New("deaf")

func (d *deaf) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errDeaf
	}
	return len(p), nil
}

func TestAClientThatReadsNoMoreEndsTheServer(t *testing.T) {
	whole := slices.Concat(number(5), []byte{1}, number(3), packet(16, 1, text(".")), packet(typeMkdir, 2, text("/d"), number(0)), packet(16, 3, text(".")))
	for left := 0; left < 200; left += 7 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = Serve(bytes.NewReader(whole), &deaf{left}, Options{Root: t.TempDir()})
		}()
		<-done
	}
}

func FuzzServer(f *testing.F) {
	f.Add(slices.Concat(number(5), []byte{1}, number(3), packet(typeMkdir, 1, text("/d"), number(4), number(0o700)), packet(typeRename, 2, text("/d"), text("/../e"))))
	f.Add(slices.Concat(packet(3, 1, text("f"), number(0x1a), number(4), number(0o600)), packet(6, 2, text("1"), number(0), number(0), text("data")), packet(4, 3, text("1"))))
	f.Add(packet(20, 1, text("/etc/passwd"), text("link")))
	f.Add(packet(200, 1, text("statvfs@openssh.com"), text("/")))
	f.Fuzz(func(t *testing.T, in []byte) {
		jail, secret := outside(t)
		_ = Serve(bytes.NewReader(in), io.Discard, Options{Root: jail})
		if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
			t.Fatalf("%q %v", b, err)
		}
	})
}
