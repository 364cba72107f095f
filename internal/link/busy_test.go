package link

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"rexec/hmacauth"
)

var errNoRoom = errors.Join(hmacauth.ErrBusy, errors.New("no room"))

// yielding is a daemon's end of one connection that can be told to make way.
func yielding(t *testing.T, change func(*ServerConfig)) (nc net.Conn, yield context.CancelCauseFunc, ended chan served) {
	t.Helper()
	a, b := newWire(0, 1<<20)
	var y tally
	cfg := serverConfig(&y)
	if change != nil {
		change(&cfg)
	}
	ctx, yield := context.WithCancelCause(context.Background())
	ended = make(chan served, 1)
	go func() { l, err := Server(ctx, b, cfg); ended <- served{l, err} }()
	return a, yield, ended
}

func TestWhoMakesWayIsToldBusyOnceItCanBeSaid(t *testing.T) {
	for name, come := range map[string]func(*testing.T, net.Conn) *talker{
		"before TLS": func(*testing.T, net.Conn) *talker { return nil },
		"before M1":  func(t *testing.T, nc net.Conn) *talker { return talk(t, nc) },
		"before M3": func(t *testing.T, nc net.Conn) *talker {
			k := talk(t, nc)
			k.prove(t, adminKey)
			return k
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, yield, ended := yielding(t, nil)
				k := come(t, nc)
				synctest.Wait()
				began := time.Now()
				yield(errNoRoom)
				if k != nil {
					k.requireRefused(t, hmacauth.RefusalBusy)
				}
				require.Less(t, time.Since(began), time.Millisecond)
				_ = nc.Close()
				r := <-ended
				require.ErrorIs(t, r.err, hmacauth.ErrBusy)
				require.Equal(t, k != nil, isRefused(r.err))
			})
		})
	}
}

func TestAPeerThatStaysHoldsItsPlaceForOneSecondMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, yield, ended := yielding(t, nil)
		talk(t, nc)
		synctest.Wait()
		began := time.Now()
		yield(errNoRoom)
		require.Error(t, (<-ended).err)
		require.Equal(t, yieldTime, time.Since(began))
		_ = nc.Close()
	})
}

// Busy in the place of the answer to a wrong proof would come before its time, and so would the end say something else.
func TestSem44_WhoMakesWayInTheDelayHearsNothingAndItsWrongProofCounts(t *testing.T) {
	for name, cred := range strangers {
		synctest.Test(t, func(t *testing.T) {
			nc, yield, ended := yielding(t, func(c *ServerConfig) { c.RefuseAfter, c.RefuseJitter = 0, 0 })
			k := talk(t, nc)
			_, m3 := k.prove(t, cred)
			_, err := k.Write(m3)
			require.NoError(t, err)
			synctest.Wait()
			began := time.Now()
			yield(errNoRoom)
			r := <-ended
			require.Zero(t, time.Since(began))
			require.NotErrorIs(t, r.err, hmacauth.ErrBusy)
			require.True(t, errors.Is(r.err, hmacauth.ErrBadProof) || errors.Is(r.err, hmacauth.ErrWrongServer), name)
			_, err = k.recv()
			require.Error(t, err)
			_ = nc.Close()
		})
	}
}

func TestAfterM4NobodyMakesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, yield, ended := yielding(t, nil)
		l, err := Client(t.Context(), nc, ClientConfig{Credentials: adminKey})
		require.NoError(t, err)
		r := <-ended
		require.NoError(t, r.err)
		yield(errNoRoom)
		time.Sleep(time.Second)
		require.NoError(t, l.Context().Err())
		l.Close()
		r.l.Close()
		require.NoError(t, l.Wait())
		_ = r.l.Wait()
	})
}

// The last moment: the proof is right, and the place is gone.
func TestAGoodClientThatMustMakeWayKnowsThatNothingRan(t *testing.T) {
	for _, pin := range [][]byte{nil, boxPin()} {
		synctest.Test(t, func(t *testing.T) {
			var yield context.CancelCauseFunc
			nc, yield, ended := yielding(t, func(c *ServerConfig) {
				c.Auth.Lookup = func(id string) (current, next hmacauth.Secret) {
					yield(errNoRoom)
					return ring(id)
				}
			})
			c := command{line: "true"}
			_, err := Client(t.Context(), nc, ClientConfig{Credentials: adminKey, Pin: pin, First: c.first})
			var refused *hmacauth.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, hmacauth.RefusalBusy, refused.Code)
			require.Equal(t, StageProof, asClientError(t, err).Stage)
			require.ErrorIs(t, (<-ended).err, hmacauth.ErrBusy)
		})
	}
}

func TestAnotherCauseEndsTheHandshakeWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, yield, ended := yielding(t, nil)
		k := talk(t, nc)
		synctest.Wait()
		cause := errors.New("the daemon ends")
		yield(cause)
		require.Equal(t, cause, (<-ended).err)
		_, err := k.recv()
		require.Error(t, err)
		_ = nc.Close()
	})
}

func TestWhereNobodyIsLetInTheClientIsToldSo(t *testing.T) {
	for name, cred := range strangers { // whatever the proof would have been
		x := startBox(t, func(c *ServerConfig) { c.Refuse = errNoRoom }, nil, nil)
		for _, cred := range []hmacauth.Credentials{cred, adminKey} {
			c := command{line: "true"}
			_, err := connect(t, x.addr, ClientConfig{Credentials: cred, Pin: boxPin(), First: c.first})
			var refused *hmacauth.RefusedError
			require.ErrorAs(t, err, &refused, name)
			require.Equal(t, hmacauth.RefusalBusy, refused.Code)
			require.Equal(t, StageProof, asClientError(t, err).Stage)
			require.ErrorIs(t, x.next(t).err, hmacauth.ErrBusy)
		}
		x.requireNothing(t)
	}
}
