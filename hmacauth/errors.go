package hmacauth

import "errors"

// What a failed handshake can be, for errors.Is. The first error of a Client
// or a Server is final: every later call returns it again.
var (
	// ErrProtocol: the other side sent something malformed or out of order, or
	// this side called out of order. The connection just ends.
	ErrProtocol = errors.New("protocol error")
	// ErrVersion: no protocol version in common.
	ErrVersion = errors.New("no common protocol version")
	// ErrBadProof: a complete M3 or M4 whose MAC is wrong. On the server this
	// is what penalties count.
	ErrBadProof = errors.New("wrong proof")
	// ErrWrongServer: the client holds a good key but wants another server.
	// Only a Server returns it.
	ErrWrongServer = errors.New("not the server the client asked for")
	// ErrBusy: the server has no time for this client, whoever it is. It comes
	// from whoever keeps the server's budgets, not from here.
	ErrBusy = errors.New("busy")
)
