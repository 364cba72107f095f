package audit

import (
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// written collects what a limiter writes.
type written struct {
	mu  sync.Mutex
	all []Record
	at  []time.Duration
}

func (w *written) limiter() *Limiter {
	began := time.Now()
	return NewLimiter(func(r Record) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all, w.at = append(w.all, r), append(w.at, time.Since(began))
	})
}

func (w *written) sum() (n uint64) {
	for _, r := range w.all {
		n += 1 + r.LeftOut
	}
	return n
}

func source(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
}

func TestSem46_ASourceHasOneLineASecondAndNothingIsLostFromTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		m := w.limiter()
		for i := range 250 {
			m.Add(source(1), Record{Reason: strconv.Itoa(i)})
			if i == 0 {
				m.Add(source(2), Record{Reason: "other"})
			}
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assert.Empty(t, m.slots, "who is quiet for a second is forgotten")
		m.Close()
		assert.Equal(t, []Record{{Reason: "0"}, {Reason: "other"}, {Reason: "99", LeftOut: 98}, {Reason: "199", LeftOut: 99}, {Reason: "249", LeftOut: 49}}, sorted(w.all))
		assert.EqualValues(t, 251, w.sum())
	})
}

// sorted puts the line of the second source behind that of the first, which came at the same moment.
func sorted(all []Record) []Record {
	if all[0].Reason == "other" {
		all[0], all[1] = all[1], all[0]
	}
	return all
}

func TestSourcesBeyondTheTableAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		m := w.limiter()
		for i := range 3 * limitTable {
			m.Add(source(i), Record{})
		}
		m.mu.Lock()
		assert.LessOrEqual(t, len(m.slots), limitTable+1)
		m.mu.Unlock()
		synctest.Wait()
		m.Close()
		assert.EqualValues(t, 3*limitTable, w.sum())
		of := 0
		for _, r := range w.all {
			if r.Reason != "" {
				assert.Equal(t, "one of many sources: ", r.Reason)
				of++
			}
		}
		assert.Positive(t, of)
		assert.LessOrEqual(t, len(w.all), limitTable+2, "one each, and what Close finds of the rest")
	})
}

func TestCloseWritesWhatIsCountedAndThenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w written
		m := w.limiter()
		m.Add(source(1), Record{})
		synctest.Wait()
		m.Add(source(1), Record{})
		m.Add(source(1), Record{Reason: "last"})
		m.Close()
		m.Add(source(1), Record{})
		m.Close()
		time.Sleep(time.Minute)
		assert.Equal(t, []Record{{}, {Reason: "last", LeftOut: 1}}, w.all)
	})
}

func TestASlowDiskPilesUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, most, total := 0, 0, uint64(0)
		var mu sync.Mutex
		m := NewLimiter(func(r Record) {
			mu.Lock()
			busy++
			most = max(most, busy)
			total += 1 + r.LeftOut
			mu.Unlock()
			time.Sleep(10 * time.Second)
			mu.Lock()
			busy--
			mu.Unlock()
		})
		for range 100 {
			m.Add(source(1), Record{})
			time.Sleep(100 * time.Millisecond)
		}
		m.Close()
		assert.Equal(t, 1, most)
		assert.EqualValues(t, 100, total)
	})
}
