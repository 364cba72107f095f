package server

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logs "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/assert"
)

func TestASourceHasALineASecondAndACountOfTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, hook := logs.NewNullLogger()
		log := logger.WithError(fmt.Errorf("of one connection"))
		var q quiet
		a, b := netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("10.0.0.2/32")
		for range 30 { // for 3 seconds, never at the moment of the timer
			q.say(a, log, logrus.WarnLevel, "no")
			time.Sleep(101 * time.Millisecond)
		}
		synctest.Wait()
		q.say(b, log, logrus.InfoLevel, "no")
		time.Sleep(5 * time.Second)
		synctest.Wait()

		var lines []string
		for _, e := range hook.AllEntries() {
			lines = append(lines, fmt.Sprint(e.Level, " ", e.Message, " ", e.Data["source"], " ", e.Data["left_out"], " ", e.Data["error"]))
		}
		assert.Equal(t, []string{
			"warning no <nil> <nil> of one connection",
			"warning more connections that did not come in 10.0.0.1/32 9 <nil>",
			"warning more connections that did not come in 10.0.0.1/32 10 <nil>",
			"warning more connections that did not come in 10.0.0.1/32 10 <nil>",
			"info no <nil> <nil> of one connection",
		}, lines)
		assert.Empty(t, q.sources, "all forgotten")
	})
}

func TestManySourcesShareALineBeyondABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, hook := logs.NewNullLogger()
		var q quiet
		for i := range 5000 {
			q.say(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), logger.WithField("n", i), logrus.WarnLevel, "no")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.Len(t, hook.AllEntries(), quietSources+2, "theirs, one of the others, and the others' count")
		assert.Equal(t, uint64(5000-quietSources-1), hook.LastEntry().Data["left_out"])
		assert.Equal(t, "others", hook.LastEntry().Data["source"])
	})
}
