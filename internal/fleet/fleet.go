// Package fleet runs one command on many hosts: so many at a time, none delayed by another, with one account of what
// became of each.
//
// It leaves to others which hosts there are and what they are called (internal/inventory, internal/nodeset), a
// connection and its command (client), what the end of one command means (internal/invoke), and flags. From the
// engine's view (run.go, place.go) a host is connected to, runs the command and ends; what its output looks like is a
// View's business (live.go, fold.go, json.go), and a View writes through a Screen, so that lines stay whole.
package fleet

import (
	"context"
	"io"
	"os"
	"time"

	"rexec/client"
	"rexec/frame"
	"rexec/internal/invoke"
)

// Host is one of many.
type Host struct {
	Name   string
	Number string        // what %n stands for; empty: there is none
	Index  int           // its place among all, from 0
	Config client.Config // whom to call
	User   string        // to run as; empty: the daemon decides
	// Encoding is auto, raw or what the host speaks; empty: auto.
	Encoding string
}

// Run is one command on many hosts. Zero fields: as their comments say.
type Run struct {
	Hosts []Host
	// Command prepares what the host is to run; the streams and the substitutions are this package's to set.
	Command  func(ctx context.Context, c *client.Client, h Host) *client.Cmd
	Stdin    io.Reader // goes to all hosts, from its first byte; nil: the commands read from the null device
	Verbatim bool      // no substitutions
	Text     bool      // Stdin is text: each host gets it in the encoding that it speaks
	Become   *Become   // nil: the command runs as the user it was started as

	Fanout   int           // hosts at the same time; 0: DefaultFanout
	Canary   int           // so many hosts first, the others only if all of these are OK; 0: none
	FailFast bool          // begin with no further host once one is not OK
	Total    time.Duration // after which all that still runs is ended; 0: none

	// Signals brings INT, TERM, HUP and QUIT as this process gets them. The first INT says who still runs; a second one
	// within a second, and any of the others, ends all. nil: none. Nobody need close it.
	Signals <-chan os.Signal

	View View
	// Say says a line of this package's own, such as who still runs; nil: nobody is told.
	Say func(format string, args ...any)
	// Progress is told how things stand; nil: nobody is.
	Progress *Progress
	// Guard is deferred by the goroutine of each host, by the one that calls Say, and by those of connections whose Config has
	// none, for a program that has something to put right when one panics; nil: nothing.
	Guard func()
	// Keep holds the connections for the next Run; nil: each is closed behind its command.
	Keep *Connections

	// patience is how long host i keeps its place in the window without a sign of life of its kernel, and then of its daemon.
	// nil: kernelPatience and daemonPatience.
	patience func(i int) (kernel, daemon time.Duration)
}

// DefaultFanout is how many hosts are run at the same time. A daemon lets 64 connections of one source be in the
// handshake, so that even hosts that are all one daemon are not turned away.
const DefaultFanout = 64

// View is shown what happens. Its methods are called from any goroutine, of one host in this order.
type View interface {
	// Started says that the command runs there and gives where its output goes. It is left out where nothing runs.
	Started(h Host, info *frame.Started) (stdout, stderr Sink)
	// Ended is the last word of a host whose connection was at least tried.
	Ended(r Result)
}

// Sink takes a stream of one host; its methods may be called from any goroutine.
type Sink interface {
	io.Writer
	// End is called once, when nothing more comes.
	End() error
}

// State is what became of a host.
type State uint8

// The states, in the order of a summary.
const (
	OK          State = 1 // it ran and ended with 0, and all its output came
	Failed      State = 2 // it ended otherwise, could not be started, was refused, or its output could not be written here
	Unknown     State = 3 // the connection was lost before the result came: it may have run
	TimedOut    State = 4 // the daemon ended it in time, or Total ran out
	Unreachable State = 5 // there was no connection; nothing was started
	Interrupted State = 6 // whoever sits here ended it
	NotStarted  State = 7 // it was not its turn any more
)

var stateNames = [...]string{"", "ok", "failed", "unknown", "timed out", "unreachable", "interrupted", "not started"}

func (s State) String() string { return stateNames[s] }

// Result is what is known of one host in the end.
type Result struct {
	Host   Host
	State  State
	Code   int           // that rexec would have exited with for this host alone
	Words  string        // the error line; empty: Code says it all
	Status invoke.Status // the same as an object

	deaf  bool // nobody read its output to the end
	tried bool // View had it
}
