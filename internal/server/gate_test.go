package server

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// caller is a connection from an address that notes whether it was closed.
type caller struct {
	net.Conn
	from   string
	closed bool
}

func (c *caller) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}
func (c *caller) Close() error { c.closed = true; return nil }

// enter has a caller come in that leaves when it is told to make way.
func enter(g *gate, nc *caller) admission { return g.enter(nc, func() { nc.closed = true }) }

func call(from string) *caller { return &caller{from: from} }

func TestASourceOverItsBudgetLosesItsOldestConnection(t *testing.T) {
	g := newGate(Budgets{UnprovedPerSource: 2})
	a, b, c, other := call("10.0.0.1:1"), call("10.0.0.1:2"), call("10.0.0.1:3"), call("10.0.0.2:1")
	for _, nc := range []*caller{a, b, other, c} {
		assert.Equal(t, letIn, enter(g, nc))
	}
	assert.Equal(t, []bool{true, false, false, false}, []bool{a.closed, b.closed, c.closed, other.closed})
	g.leave(a, false)
	assert.Equal(t, 3, g.waiting())
}

func TestOverTheWholeBudgetTheFullestSourcePays(t *testing.T) {
	g := newGate(Budgets{Unproved: 3})
	flood := []*caller{call("10.0.0.1:1"), call("10.0.0.1:2")}
	single := call("10.0.0.2:1")
	for _, nc := range append(flood, single) {
		assert.Equal(t, letIn, enter(g, nc))
	}
	assert.Equal(t, letIn, enter(g, call("10.0.0.3:1")))
	assert.True(t, flood[0].closed)
	assert.False(t, flood[1].closed || single.closed)
	assert.Equal(t, 3, g.waiting())
}

func TestOfEqualSourcesTheOneThatHasBeenThereLongestPays(t *testing.T) {
	for range 20 { // a map has no order
		g := newGate(Budgets{Unproved: 8})
		var slow []*caller
		for i := range 8 {
			slow = append(slow, call(fmt.Sprintf("10.0.1.%d:1", i)))
			enter(g, slow[i])
		}
		for i := range 8 {
			quick := call("10.0.0.1:1")
			assert.Equal(t, letIn, enter(g, quick))
			assert.True(t, slow[i].closed)
			g.leave(quick, false)
			next := call(fmt.Sprintf("10.0.2.%d:1", i))
			enter(g, next)
			assert.False(t, next.closed || quick.closed)
		}
	}
}

func TestAHostOfIPv6IsOneSourceWithAllItsAddresses(t *testing.T) {
	g := newGate(Budgets{UnprovedPerSource: 1})
	a, b := call("[2001:db8::1]:1"), call("[2001:db8::ffff:2]:1")
	assert.Equal(t, letIn, enter(g, a))
	assert.Equal(t, letIn, enter(g, b))
	assert.True(t, a.closed)
}

func TestWrongProofsShutASourceOutAndServeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Budgets{})
		for range 3 {
			nc := call("10.0.0.1:1")
			assert.Equal(t, letIn, enter(g, nc))
			g.leave(nc, true)
		}
		assert.NotEqual(t, letIn, enter(g, call("10.0.0.1:1")), "three failures are 15 s")
		assert.Equal(t, letIn, enter(g, call("10.0.0.2:1")), "another source is not meant")
		time.Sleep(15*time.Second - time.Nanosecond)
		assert.NotEqual(t, letIn, enter(g, call("10.0.0.1:1")))
		time.Sleep(time.Nanosecond)
		assert.Equal(t, letIn, enter(g, call("10.0.0.1:1")))
	})
}

func TestPenaltiesAreCappedAndGoodConnectionsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Budgets{PenaltyMin: time.Hour})
		for range 1000 {
			nc := call("10.0.0.1:1")
			assert.Equal(t, letIn, enter(g, nc))
			g.leave(nc, true)
		}
		g.mu.Lock()
		assert.Equal(t, 10*time.Minute, time.Until(g.sources[sourceOf(call("10.0.0.1:1").RemoteAddr())].until))
		g.mu.Unlock()

		g = newGate(Budgets{})
		for range 1000 {
			nc := call("10.0.0.1:1")
			assert.Equal(t, letIn, enter(g, nc))
			g.leave(nc, false)
		}
		assert.Empty(t, g.sources)
	})
}

func TestAnExemptSourceGetsNoPenalty(t *testing.T) {
	g := newGate(Budgets{Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for range 100 {
		nc := call("10.0.0.1:1")
		assert.Equal(t, letIn, enter(g, nc))
		g.leave(nc, true)
	}
	assert.Empty(t, g.sources)
}

func TestAnExemptHostOfIPv6IsExemptWhateverItsNeighboursDo(t *testing.T) {
	g := newGate(Budgets{Exempt: []netip.Prefix{netip.MustParsePrefix("2001:db8::5/128"), netip.MustParsePrefix("::1/128")}})
	wrong := func(nc *caller) bool {
		in := enter(g, nc) == letIn
		g.leave(nc, true)
		return in
	}
	for range 10 {
		assert.True(t, wrong(call("[::1]:1")))
		assert.True(t, wrong(call("[2001:db8::5]:1")))
	}
	for range 4 {
		wrong(call("[2001:db8::6]:1"))
	}
	for range 2 {
		assert.NotEqual(t, letIn, enter(g, call("[2001:db8::7]:1")), "the /64 is shut out")
		assert.True(t, wrong(call("[2001:db8::5]:2")))
	}
}

func TestThoseWhoMakeWayAreToldAsLongAsFewAreBeingTold(t *testing.T) {
	g := newGate(Budgets{UnprovedPerSource: 1})
	const all = mostGoing + 10
	told, closed := 0, 0
	var came []*caller
	for i := range all + 1 {
		nc := call(fmt.Sprintf("10.0.0.1:%d", i+1))
		came = append(came, nc)
		assert.Equal(t, letIn, g.enter(nc, func() { told++ }))
	}
	for _, nc := range came {
		if nc.closed {
			closed++
		}
	}
	assert.Equal(t, mostGoing, told)
	assert.Equal(t, all-mostGoing, closed)
	for _, nc := range came {
		g.leave(nc, false)
	}
	assert.Zero(t, g.waiting())
	assert.Empty(t, g.sources)
	assert.Empty(t, g.going, "whoever has left is not being told any more")
}

func TestASourceThatIsShutOutIsToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Budgets{})
		for i := range 3 {
			nc := call(fmt.Sprintf("10.0.0.1:%d", i+1))
			assert.Equal(t, letIn, enter(g, nc))
			g.leave(nc, true)
		}
		for range 5 {
			nc := call("10.0.0.1:9")
			assert.Equal(t, shutTold, enter(g, nc))
			assert.Equal(t, 1, g.waiting(), "it has a place while it is told")
			g.leave(nc, false)
			assert.Equal(t, shutOut, enter(g, call("10.0.0.1:10")))
			assert.Zero(t, g.waiting())
			time.Sleep(toldEvery)
		}
	})
}
