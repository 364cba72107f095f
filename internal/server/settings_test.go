package server

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"rexec/internal/policy"
)

func TestRequestsAtTheSameMomentDoNotPassALimitTogether(t *testing.T) {
	for name, c := range map[string]struct {
		key  policy.Key
		cfg  Config
		want int32
		text string
	}{
		"the key's":          {policy.Key{ID: "k", MaxSessions: 3}, Config{}, 3, `key "k" has 3 sessions already, which is its limit: end one first`},
		"the daemon's a key": {policy.Key{ID: "k", MaxSessions: 9}, Config{SessionsPerKey: 4}, 4, `key "k" has 4 sessions already, the most that this daemon allows a key: end one first`},
		"the daemon's":       {policy.Key{ID: "k"}, Config{Sessions: 5}, 5, "this daemon has 5 sessions already, which is its limit: end one first"},
	} {
		t.Run(name, func(t *testing.T) {
			g := &registry{sessions: make(map[string]*record)}
			cfg := c.cfg.orDefault()
			var in atomic.Int32
			var wg sync.WaitGroup
			for i := range 32 {
				wg.Go(func() {
					no := g.enter(&record{ID: [16]byte{byte(i)}, Key: "k"}, c.key, &cfg)
					if no == nil {
						in.Add(1)
						return
					}
					assert.Equal(t, c.text, no.Text)
					assert.Equal(t, policy.RuleSessions, no.Rule)
				})
			}
			wg.Wait()
			assert.Equal(t, c.want, in.Load())
			assert.Equal(t, int(c.want), g.len())
		})
	}
}

func TestOtherBudgetsHoldAtOnceAndForgiveWhoIsExemptNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(Budgets{})
		for _, from := range []string{"10.0.0.1:1", "10.0.0.2:1"} {
			for range 200 { // far more than the cap
				nc := call(from)
				enter(g, nc)
				g.leave(nc, true)
			}
		}
		assert.NotEqual(t, letIn, enter(g, call("10.0.0.1:2")))
		g.set(Budgets{PenaltyMax: time.Minute, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, UnprovedPerSource: 1})
		a, b := call("10.0.0.1:3"), call("10.0.0.1:4")
		assert.Equal(t, letIn, enter(g, a))
		assert.Equal(t, letIn, enter(g, b))
		assert.True(t, a.closed, "the new budget")
		assert.NotEqual(t, letIn, enter(g, call("10.0.0.2:2")))
		time.Sleep(time.Minute)
		assert.Equal(t, letIn, enter(g, call("10.0.0.2:2")), "the new cap")
	})
}
