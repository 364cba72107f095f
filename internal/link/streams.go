package link

import "rexec/internal/mux"

// What runs inside a link is the multiplexer's; those above a link name it through these, so that nothing else can be
// made of a connection that was not authenticated.
type (
	Conn   = mux.Conn
	Stream = mux.Stream
	Budget = mux.Budget
)

// NewBudget bounds the memory that the windows of many links may grow into, in bytes.
func NewBudget(most int64) *Budget { return mux.NewBudget(most) }
