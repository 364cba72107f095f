package hmacauth

import "fmt"

// step is one call in the life of a Client or a Server.
type step uint8

const (
	stepFirst  step = 1 // Client.M1       Server.M2
	stepSecond step = 2 // Client.M3       Server.Verify
	stepThird  step = 3 // Client.Finish   Server.M4
)

// sequence holds a handshake to its order: first, second, third, each once.
// Any other call, and any failure, is final.
//
//	0 -> first -> second -> third
//	 \      \        \        \
//	  `------`--------`--------`--> failed
type sequence struct {
	done step
	err  error
}

// enter moves on to s, or fails for good.
func (q *sequence) enter(s step) error {
	if q.err == nil && s != q.done+1 {
		q.err = fmt.Errorf("handshake: %w: step %d after step %d", ErrProtocol, s, q.done)
	}
	if q.err == nil {
		q.done = s
	}
	return q.err
}

// fail makes err final. The first one stays.
func (q *sequence) fail(err error) error {
	if q.err == nil {
		q.err = fmt.Errorf("handshake: %w", err)
	}
	return q.err
}
