package fleet

import (
	"sync"
	"sync/atomic"

	"rexec/client"
)

// Connections are kept from one Run to the next. A nil one keeps none.
type Connections struct {
	mu   sync.Mutex
	kept map[string]*kept
}

type kept struct {
	c    *client.Client
	lost atomic.Bool
}

// take gives the connection to a host; nil: there is none.
func (k *Connections) take(name string) *client.Client {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.kept[name]
	if one == nil || one.lost.Load() {
		return nil
	}
	return one.c
}

// give keeps a connection, in place of a lost one; false: it is the caller's to close.
func (k *Connections) give(name string, c *client.Client) bool {
	if k == nil || c.RTT() == 0 { // never connected
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		k.kept = map[string]*kept{}
	}
	if before := k.kept[name]; before == nil || before.c != c {
		one := &kept{c: c}
		k.kept[name] = one
		go func() { // ends with the connection, which Close ends
			_ = c.Wait()
			one.lost.Store(true)
		}()
	}
	return true
}

// Close ends them all.
func (k *Connections) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all sync.WaitGroup
	for _, one := range k.kept {
		all.Go(func() { closeSoon(one.c) })
	}
	all.Wait()
	k.kept = nil
}
