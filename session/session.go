// Package session is the life of one remote command, both ends: which message when, in what order, until the verdict.
//
// It leaves to others how a process starts and is killed (Process is what it needs of one), who may run what
// (Config.Start says no), how bytes are laid out (package frame) and how many streams share a connection (Stream is
// what it needs of one). One command, drawn once; each side's phases are in phase.go:
//
//	client: Start, Wait                           daemon: Serve
//	START --------------------------------------> Config.Start
//	<------------------------------------ STARTED   or, nothing ran: EOF 2, EOF 3, VERDICT
//	DATA 1 .. EOF 1 ----------------------------> the command's stdin
//	<----------------------- DATA 2, DATA 3 ..     its stdout and stderr
//	SIGNAL, RESIZE, CANCEL ---------------------> at any time, behind no data
//	<------------------------------------- STOP 1   its stdin is closed, or the leader ended
//	STOP 2, STOP 3 -----------------------------> the command gets SIGPIPE, EOF answers
//	<------------------------------- EOF 2, EOF 3
//	<------------------------------------ VERDICT
//	VERDICT_ACK, CLOSE -------------------------> CLOSE
package session

import (
	"context"
	"io"

	"rexec/frame"
)

// Stream is one exec stream of a connection. Everything but Fill, Next and Advance may be called from any goroutine;
// those by one goroutine for each lane.
type Stream interface {
	// Send queues a message; it never waits and copies payload.
	Send(t frame.Type, payload []byte) error
	// Recv gives the next message: io.EOF after the peer's CLOSE, *frame.StreamError after its RESET,
	// *frame.ConnError once the connection is lost; what came before these is given first.
	Recv(ctx context.Context) (frame.Type, []byte, error)

	// Fill waits for room in lane and reads r once into it. r's error is returned as it is.
	Fill(lane uint8, r io.Reader) (int, error)
	// CloseLane puts EOF behind what is queued.
	CloseLane(lane uint8) error
	// Flushed waits until the lane's EOF is on the wire; an error says that the stream is over.
	Flushed(ctx context.Context, lane uint8) error
	// Stopped is closed once the peer reads no more of lane.
	Stopped(lane uint8) <-chan struct{}
	// Sent counts what lane has put on the wire.
	Sent(lane uint8) uint64

	// Next waits for bytes of lane and gives them, valid until Advance; io.EOF at the end of a whole lane, also when
	// the connection was lost after all of it came.
	Next(ctx context.Context, lane uint8) ([]byte, error)
	// Advance says that n bytes of Next were consumed, which lets the peer send as many more.
	Advance(lane uint8, n int)
	// Stop tells the peer that lane is read no more; Next gives frame.ErrStopped.
	Stop(lane uint8)
	// Received counts what came, dropped bytes included.
	Received(lane uint8) uint64
	// EOFSeen is closed when the peer's EOF of lane came.
	EOFSeen(lane uint8) <-chan struct{}

	// Close ends this side in good order: messages queued before it still go. Fill, Next and Send then fail.
	Close() error
	// Reset ends this side with a reason.
	Reset(code frame.Code, text string)
	// Context is done when the stream is over; context.Cause says why.
	Context() context.Context
}
