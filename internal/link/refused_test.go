package link

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/frame"
	"rexec/hmacauth"
)

// The three causes that a stranger must not tell apart.
var strangers = map[string]hmacauth.Credentials{
	"wrong key":       {KeyID: "admin", ServerID: "box", Secret: hmacauth.NewSecret()},
	"unknown key id":  {KeyID: "other", ServerID: "box", Secret: secret},
	"wrong server id": {KeyID: "admin", ServerID: "bix", Secret: secret},
}

// sizes keeps the length of every Write.
type sizes struct {
	net.Conn
	mu sync.Mutex
	n  []int
}

func (c *sizes) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.n = append(c.n, len(p))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func TestSem44_TheThreeCausesLookTheSame(t *testing.T) {
	type look struct {
		Frame  []byte
		Behind error
		Writes []int // of the daemon from M2 on, below TLS: lengths and their order
	}
	var first *look
	for name, cred := range strangers {
		for range 5 {
			var wire *sizes
			x := startBox(t, nil, func(nc net.Conn) net.Conn { wire = &sizes{Conn: nc}; return wire }, nil)
			k := talk(t, dial(t, x.addr))
			_, m3 := k.prove(t, cred)
			_, err := k.Write(m3)
			require.NoError(t, err)
			var l look
			l.Frame, err = k.recv()
			require.NoError(t, err)
			_, l.Behind = k.r.ReadByte()
			_ = k.NetConn().Close()
			require.Error(t, x.next(t).err)
			x.requireNothing(t)
			l.Writes = wire.n[len(wire.n)-3:]
			if first == nil {
				first = &l
			}
			require.Equal(t, *first, l, name)
		}
	}
	require.Equal(t, hmacauth.RefusedFrame(hmacauth.RefusalNotAdmitted), first.Frame)
}

func TestSem44_RefusedComesAtM3PlusTheDelay(t *testing.T) {
	for name, cred := range strangers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seen := map[time.Duration]bool{}
				for range 20 {
					a, b := newWire(0, 1<<20)
					var y tally
					cfg := serverConfig(&y)
					cfg.RefuseAfter, cfg.RefuseJitter = 0, 0 // 250 ms and 50 ms
					cfg.Auth.Lookup = func(id string) (current, next hmacauth.Secret) {
						time.Sleep(100 * time.Millisecond) // the work is within the delay
						return ring(id)
					}
					failed := make(chan error, 1)
					go func() { _, err := Server(context.Background(), b, cfg); failed <- err }()
					k := talk(t, a)
					_, m3 := k.prove(t, cred)
					time.Sleep(3 * time.Second) // it counts from M3, not from the beginning
					_, err := k.Write(m3)
					require.NoError(t, err)
					sent := time.Now()
					_, err = k.recv()
					require.NoError(t, err)
					took := time.Since(sent)
					require.GreaterOrEqual(t, took, 250*time.Millisecond)
					require.Less(t, took, 300*time.Millisecond)
					seen[took] = true
					_ = a.Close()
					require.Error(t, <-failed)
				}
				require.Greater(t, len(seen), 10, "it jitters")
			})
		})
	}
}

func TestTheHandshakesTimeHoldsForTheDelayAndTheDrain(t *testing.T) {
	for name, v := range map[string]struct {
		waits  time.Duration // before M3
		answer bool
	}{
		"a peer that never closes":        {0, true},
		"an M3 in the last moment":        {9900 * time.Millisecond, false},
		"an M3 shortly before the moment": {9600 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newWire(0, 1<<20)
				var y tally
				cfg := serverConfig(&y)
				cfg.RefuseAfter, cfg.RefuseJitter = 0, 0
				began := time.Now()
				failed := make(chan error, 1)
				go func() { _, err := Server(context.Background(), b, cfg); failed <- err }()
				k := talk(t, a)
				_, m3 := k.prove(t, strangers["wrong key"])
				time.Sleep(v.waits)
				_, err := k.Write(m3)
				require.NoError(t, err)
				err = <-failed
				require.Equal(t, Timeout, time.Since(began))
				var re *RefusedError
				require.ErrorAs(t, err, &re)
				require.NotContains(t, err.Error(), "\n")
				_, err = k.recv()
				require.Equal(t, v.answer, err == nil)
				_ = a.Close()
			})
		})
	}
}

func TestTheDrainBehindRefusedEndsWithWhoeverSendsOn(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	k := talk(t, dial(t, x.addr))
	_, m3 := k.prove(t, strangers["wrong key"])
	_, err := k.Write(m3)
	require.NoError(t, err)
	began := time.Now()
	for err == nil { // until the daemon has had enough and the kernel says so
		_, err = k.Write(make([]byte, 16<<10))
	}
	require.Less(t, time.Since(began), Timeout/2)
	require.Error(t, x.next(t).err)
}

// The answer must not be destroyed by what the client had sent ahead; many times, because RST is a race.
func TestRefusedReachesAClientThatSentStartBehindM3(t *testing.T) {
	x := startBox(t, func(c *ServerConfig) { c.RefuseAfter = 10 * time.Millisecond }, nil, nil)
	for name, cred := range strangers {
		for range 10 {
			c := command{line: string(bytes.Repeat([]byte("x"), 15<<10))}
			l, err := connect(t, x.addr, ClientConfig{Credentials: cred, Pin: boxPin(), First: c.first})
			require.Nil(t, l)
			var refused *hmacauth.RefusedError
			require.ErrorAs(t, err, &refused, name)
			ce := asClientError(t, err)
			require.Equal(t, StageProof, ce.Stage, "nothing ran")
			require.Contains(t, ce.Error(), "not admitted")
			require.Equal(t, 1, c.calls)
			_, _, err = c.stream.Recv(context.Background())
			require.ErrorAs(t, err, &refused, "the stream says why, too")
			require.Error(t, x.next(t).err)
		}
	}
	x.requireNothing(t)
}

func TestOnlyAPeerThatFailedItsProofIsCalledRefused(t *testing.T) {
	x := startBox(t, nil, nil, nil)
	k := talk(t, dial(t, x.addr))
	_, m3 := k.prove(t, strangers["wrong key"])
	_, err := k.Write(m3)
	require.NoError(t, err)
	k.requireRefused(t, hmacauth.RefusalNotAdmitted)
	_ = k.Close()
	var re *RefusedError
	require.ErrorAs(t, x.next(t).err, &re)
	require.ErrorIs(t, re, hmacauth.ErrBadProof)

	k = talk(t, dial(t, x.addr))
	k.prove(t, adminKey)
	_ = k.Close()
	require.False(t, errors.As(x.next(t).err, &re), "who leaves was not refused")
}

// Before M4 a client may send OPEN and START, and nothing is done with them before its proof is verified.
func TestWhatMayFollowM3(t *testing.T) {
	open := frame.Open{Kind: frame.KindExec, Credit: [2]uint64{1, 1}}.Append(nil)
	fr := func(ty frame.Type, lane uint8, stream uint16, p []byte) []byte {
		return append(frame.Header{Length: uint32(len(p)), Type: ty, Lane: lane, Stream: stream}.Append(nil), p...)
	}
	begin := append(fr(frame.TypeOpen, 0, 1, open), fr(frame.TypeStart, 0, 1, []byte{0xa0})...)
	for name, v := range map[string]struct {
		early []byte
		says  string // empty: taken
	}{
		"nothing":              {nil, ""},
		"OPEN and START":       {begin, ""},
		"half an OPEN":         {begin[:12], ""},
		"DATA":                 {append(bytes.Clone(begin), fr(frame.TypeData, 1, 1, []byte("x"))...), "DATA before M4"},
		"CREDIT":               {append(bytes.Clone(begin), fr(frame.TypeCredit, 2, 1, make([]byte, 16))...), "CREDIT before M4"},
		"EOF":                  {append(bytes.Clone(begin), fr(frame.TypeEOF, 1, 1, make([]byte, 8))...), "EOF before M4"},
		"PING":                 {fr(frame.TypePing, 0, 0, make([]byte, 8)), "PING before M4"},
		"M3 again":             {fr(frame.TypeM3, 0, 0, make([]byte, 32)), "M3 before M4"},
		"something unknown":    {fr(0x90, 0, 0, nil), "before M4"},
		"a START too large":    {append(fr(frame.TypeOpen, 0, 1, open), frame.Header{Length: 16<<10 + 1, Type: frame.TypeStart, Stream: 1}.Append(nil)...), "START of 16385 bytes before M4"},
		"half a START of DATA": {append(bytes.Clone(begin), frame.Header{Length: 5000, Type: frame.TypeData, Lane: 1, Stream: 1}.Append(nil)...), "DATA before M4"},
	} {
		for _, good := range []bool{true, false} {
			cred := adminKey
			if !good {
				cred = strangers["wrong key"]
			}
			x := startBox(t, nil, nil, nil)
			k := talk(t, dial(t, x.addr))
			_, m3 := k.prove(t, cred)
			_, err := k.Write(append(m3, v.early...))
			require.NoError(t, err)
			got, err := k.recv()
			switch {
			case !good:
				require.Equal(t, hmacauth.RefusedFrame(hmacauth.RefusalNotAdmitted), got, "%s: whatever follows a wrong proof is not looked at", name)
			case v.says == "":
				require.Equal(t, frame.TypeM4, frame.ParseHeader(got).Type, name)
			default:
				require.Error(t, err, name)
			}
			_ = k.NetConn().Close()
			r := x.next(t)
			switch {
			case !good:
				require.ErrorIs(t, r.err, hmacauth.ErrBadProof, name)
				x.requireNothing(t)
			case v.says == "":
				require.NoError(t, r.err, name)
			default:
				require.ErrorContains(t, r.err, v.says, name)
				x.requireNothing(t)
			}
		}
	}
}

// A peer that proved its key but is not wanted is told why.
func TestGoAwayBehindM4ReachesTheClientWithItsText(t *testing.T) {
	no := &frame.Ending{Code: frame.CodeRefused, Text: "key admin expired on 2026-11-20"}
	for name, v := range map[string]struct {
		pin   []byte
		opens bool
	}{
		"START behind M3":      {boxPin(), true},
		"START behind M4":      {nil, true},
		"no stream, pinned":    {boxPin(), false},
		"no stream, first met": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := startBox(t, func(c *ServerConfig) {
				c.Admit = func(peer hmacauth.Peer, from net.Addr) *frame.Ending {
					if peer.KeyID != "admin" || from == nil {
						t.Errorf("judged %+v from %v", peer, from)
					}
					return no
				}
			}, nil, func(l *Link) { // as a daemon does
				<-l.Idle()
				l.Close()
			})
			for range 20 {
				var c command
				cfg := ClientConfig{Pin: v.pin}
				if v.opens {
					cfg.First = c.first
				}
				l, err := connect(t, x.addr, cfg)
				require.NoError(t, err, "it is said after M4 only")
				var lost *frame.ConnError
				require.ErrorAs(t, l.Wait(), &lost)
				require.Equal(t, frame.ConnError{Code: no.Code, Text: no.Text, Remote: true, Err: lost.Err}, *lost)
				require.Equal(t, no, l.GoneAway())
				if v.opens {
					_, _, err := c.stream.Recv(context.Background())
					var reset *frame.StreamError
					if errors.As(err, &reset) {
						require.Equal(t, frame.CodeGoingAway, reset.Code)
					} else {
						require.ErrorAs(t, err, &lost)
						require.Equal(t, no.Text, lost.Text)
					}
				}
				r := x.next(t)
				require.NoError(t, r.err)
				require.NoError(t, r.l.Wait())
			}
			require.Zero(t, x.opened.Load(), "no stream was judged, none started")
		})
	}
}
