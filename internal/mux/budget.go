package mux

import "sync/atomic"

// Budget bounds the memory that windows may grow into, in bytes. Every connection has one of its own
// (connectionBudget); one given in Config is shared by many connections and bounds them all together. The first
// windows are not counted: they are bounded by the number of streams.
type Budget struct {
	used   atomic.Int64
	most   int64
	parent *Budget
}

// connectionBudget is what the windows of one connection may grow by.
const connectionBudget = 64 << 20

// NewBudget makes one of most bytes.
func NewBudget(most int64) *Budget { return &Budget{most: most} }

// Used is what is taken now.
func (b *Budget) Used() int64 { return b.used.Load() }

// take reserves n bytes here and at every parent, or none.
func (b *Budget) take(n int64) bool {
	if b.used.Add(n) > b.most || b.parent != nil && !b.parent.take(n) {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *Budget) give(n int64) {
	b.used.Add(-n)
	if b.parent != nil {
		b.parent.give(n)
	}
}
