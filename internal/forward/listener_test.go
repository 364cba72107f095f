package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echoing serves a Listener whose far ends echo; it gives its address, and the addresses that were asked for.
func echoing(t *testing.T, address string, fail error) (at string, asked func() []string) {
	t.Helper()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var list []string
	l := Listener{Net: nl, Address: address, Dial: func(_ context.Context, to, origin string) (Far, error) {
		mu.Lock()
		list = append(list, to)
		mu.Unlock()
		assert.Contains(t, origin, "127.0.0.1:")
		if fail != nil {
			return nil, fail
		}
		near, far := pair(t)
		go func() { // ends with far
			_, _ = io.Copy(near, near)
			_ = near.CloseWrite()
		}()
		return newStream(far), nil
	}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return nl.Addr().String(), func() []string { mu.Lock(); defer mu.Unlock(); return list }
}

func dial(t *testing.T, at string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

func TestEveryConnectionGetsAFarOne(t *testing.T) {
	at, asked := echoing(t, "db:5432", nil)
	for i := range 20 {
		c := dial(t, at)
		_, err := fmt.Fprintf(c, "hello %d", i)
		require.NoError(t, errors.Join(err, c.CloseWrite()))
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("hello %d", i), string(got))
	}
	require.Len(t, asked(), 20)
	require.Equal(t, "db:5432", asked()[0])
}

func TestAConnectionThatLeadsNowhereIsReset(t *testing.T) {
	at, _ := echoing(t, "db:5432", errors.New("unreachable"))
	c, err := net.Dial("tcp", at)
	if err == nil { // else the reset was faster
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	require.Error(t, err)
	require.NotEqual(t, io.EOF, err)
}

func TestSocksRequestsAreUnderstood(t *testing.T) {
	for name, c := range map[string]struct{ says, hears, to string }{
		"5, a name":       {"\x05\x01\x00" + "\x05\x01\x00\x03\x06db.lab\x15\x38", "\x05\x00" + "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", "db.lab:5432"},
		"5, IPv4":         {"\x05\x02\x02\x00" + "\x05\x01\x00\x01\x0a\x00\x00\x07\x00\x50", "\x05\x00" + "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", "10.0.0.7:80"},
		"5, IPv6":         {"\x05\x01\x00" + "\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb", "\x05\x00" + "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", "[2001:db8::1]:443"},
		"4":               {"\x04\x01\x00\x50\x0a\x00\x00\x07me\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00", "10.0.0.7:80"},
		"4a":              {"\x04\x01\x00\x50\x00\x00\x00\x01\x00db.lab\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00", "db.lab:80"},
		"4, zero address": {"\x04\x01\x00\x50\x00\x00\x00\x00\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00", "0.0.0.0:80"},
	} {
		t.Run(name, func(t *testing.T) {
			at, asked := echoing(t, "", nil)
			conn := dial(t, at)
			_, err := io.WriteString(conn, c.says+"ping") // data may follow at once
			require.NoError(t, errors.Join(err, conn.CloseWrite()))
			got, err := io.ReadAll(conn)
			require.NoError(t, err)
			assert.Equal(t, c.hears+"ping", string(got))
			assert.Equal(t, []string{c.to}, asked())
		})
	}
}

func TestSocksSaysWhyNot(t *testing.T) {
	name := "\x05\x01\x00" + "\x05\x01\x00\x03\x01x\x00\x50"
	for what, c := range map[string]struct {
		says, hears string
		fail        error
	}{
		"unreachable":       {name, "\x05\x00\x05\x05", errors.New("no")},
		"not allowed":       {name, "\x05\x00\x05\x02", fmt.Errorf("%w: no", ErrNotAllowed)},
		"unreachable, 4":    {"\x04\x01\x00\x50\x0a\x00\x00\x07\x00", "\x00\x5b", errors.New("no")},
		"authentication":    {"\x05\x01\x02", "\x05\xff", nil},
		"BIND":              {"\x05\x01\x00" + "\x05\x02\x00\x03\x01x\x00\x50", "\x05\x00\x05\x07", nil},
		"BIND, 4":           {"\x04\x02\x00\x50\x0a\x00\x00\x07\x00", "\x00\x5b", nil},
		"an unknown family": {"\x05\x01\x00" + "\x05\x01\x00\x09", "\x05\x00\x05\x08", nil},
		"HTTP":              {"GET / HTTP/1.0\r\n\r\n", "", nil},
	} {
		t.Run(what, func(t *testing.T) {
			at, _ := echoing(t, "", c.fail)
			conn := dial(t, at)
			_, err := io.WriteString(conn, c.says)
			require.NoError(t, err)
			got, _ := io.ReadAll(conn)
			assert.Equal(t, c.hears, string(got[:min(len(got), len(c.hears))]))
		})
	}
}

func FuzzSocks(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x03\x06db.lab\x15\x38"))
	f.Add([]byte("\x04\x01\x00\x50\x00\x00\x00\x01\x00db.lab\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, b := net.Pipe()
		go func() { // ends with a
			_, _ = b.Write(in)
			_ = b.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, b) }()
		if address, _, err := socks(a); err == nil {
			_, _, err = net.SplitHostPort(address)
			require.NoError(t, err)
		}
		_ = a.Close()
	})
}
