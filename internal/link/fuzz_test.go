package link

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"rexec/frame"
	"rexec/hmacauth"
)

// mutate changes one frame of a handshake: a byte is flipped, bytes are put in, the rest is cut off.
func mutate(b []byte, at uint16, flip byte, insert []byte, cut bool) []byte {
	k := int(at) % len(b)
	out := bytes.Clone(b[:k])
	out = append(out, insert...)
	if cut {
		return out
	}
	out = append(out, b[k:]...)
	out[k] ^= flip
	return out
}

func seeds(f *testing.F) {
	for which := range uint8(2) {
		f.Add(which, uint16(0), byte(0), []byte{}, false) // untouched
		for _, at := range []uint16{0, 3, 4, 5, 7, 8, 12, 13, 20, 39, 47, 60} {
			f.Add(which, at, byte(0x80), []byte{}, false)
			f.Add(which, at, byte(1), []byte{}, false)
		}
		f.Add(which, uint16(20), byte(0), []byte{}, true)
		f.Add(which, uint16(0), byte(0), []byte{}, true)
		f.Add(which, uint16(8), byte(0), []byte("inserted"), false)
		f.Add(which, uint16(0), byte(0), frame.Header{Length: 8, Type: frame.TypePing}.Append(make([]byte, 0, 16)), false)
		f.Add(which, uint16(0), byte(0), hmacauth.RefusedFrame(1), false)
		f.Add(which, uint16(2), byte(0xff), bytes.Repeat([]byte{0xff}, 2000), false)
	}
}

// FuzzDaemonsHandshake plays a client that knows the key, with M1 or M3 (which) mutated on the way.
func FuzzDaemonsHandshake(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, which uint8, at uint16, flip byte, insert []byte, cut bool) {
		a, b := newWire(0, 1<<20)
		y := tally{}
		got := make(chan served, 1)
		go func() {
			l, err := Server(context.Background(), b, serverConfig(&y))
			got <- served{l, err}
		}()
		k, err := greet(a)
		if err != nil {
			t.Fatal(err)
		}
		hs := k.client(t, adminKey)
		whole, sent := hs.M1(), []byte(nil)
		if which%2 == 1 {
			_, _ = k.Write(whole)
			m2, err := k.recv()
			if err != nil {
				t.Fatal(err)
			}
			if whole, err = hs.M3(m2); err != nil {
				t.Fatal(err)
			}
		}
		sent = mutate(whole, at, flip, insert, cut)
		_, _ = k.Write(sent)
		same := bytes.Equal(sent, whole)
		if same && which%2 == 0 { // go on as if nothing were
			m2, err := k.recv()
			if err != nil {
				t.Fatal(err)
			}
			m3, _ := hs.M3(m2)
			_, _ = k.Write(m3)
		}
		_ = k.CloseWrite()
		answer, _ := k.recv()
		_ = a.Close()
		select {
		case r := <-got:
			// What follows an M3 that is whole is no part of the proof.
			behind := which%2 == 1 && bytes.HasPrefix(sent, whole)
			switch {
			case r.err == nil && !same && !behind:
				t.Fatalf("a link over %x", sent)
			case r.err != nil && same:
				t.Fatal(r.err)
			case r.err == nil:
				r.l.Abort(context.Canceled)
				_ = r.l.Wait()
			case answer != nil && frame.ParseHeader(answer).Type == frame.TypeM4:
				t.Fatalf("M4 over %x", sent)
			}
			if y.opened.Load() != 0 {
				t.Fatal("a stream was judged")
			}
		case <-time.After(patience):
			t.Fatal("the daemon hangs")
		}
	})
}

// FuzzClientsHandshake plays the daemon, with M2 or M4 (which) mutated on the way.
func FuzzClientsHandshake(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, which uint8, at uint16, flip byte, insert []byte, cut bool) {
		a, b := newWire(0, 1<<20)
		done := make(chan error, 1)
		var same bool
		go func() {
			done <- mutatedDaemon(b, which, func(m []byte) []byte {
				out := mutate(m, at, flip, insert, cut)
				same = bytes.HasPrefix(out, m) // what follows M4 is not the handshake's
				return out
			})
		}()
		var c command
		l, err := Client(context.Background(), a, ClientConfig{Credentials: adminKey, First: c.first, Timeout: patience})
		_ = a.Close()
		if derr := <-done; derr != nil {
			t.Fatal(derr)
		}
		switch {
		case err == nil && !same:
			t.Fatal("a link over a mutated handshake")
		case err == nil:
			l.Abort(context.Canceled)
			_ = l.Wait()
		case same && which%2 == 1 && len(insert) == 0:
			t.Fatal(err)
		case c.calls > 0:
			t.Fatal("a START was made for who proved nothing")
		default:
			asClientError(t, err)
		}
	})
}

func mutatedDaemon(nc net.Conn, which uint8, change func([]byte) []byte) error {
	defer nc.Close()
	k, err := answer(nc, boxID())
	if err != nil {
		return err
	}
	hs := k.server(hmacauth.ServerConfig{ServerIDs: []string{"box"}, Lookup: ring})
	m1, err := k.recv()
	if err != nil {
		return err
	}
	m2, err := hs.M2(m1)
	if err != nil {
		return err
	}
	if which%2 == 0 {
		m2 = change(m2)
	}
	_, _ = k.Write(m2)
	if which%2 == 0 {
		_ = k.CloseWrite()
	}
	m3, err := k.recv()
	if err != nil {
		return nil // the client left
	}
	if _, err := hs.Verify(m3); err != nil {
		return nil
	}
	m4 := hs.M4()
	if which%2 == 1 {
		m4 = change(m4)
	}
	_, _ = k.Write(m4)
	_ = k.CloseWrite()
	_, _ = io.Copy(io.Discard, k)
	return nil
}
