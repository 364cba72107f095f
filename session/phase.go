package session

import (
	"fmt"
	"slices"
)

// phase is where a command's life stands at the daemon.
type phase uint8

const (
	opening    phase = 1 // START is awaited
	starting   phase = 2 // Config.Start is busy
	running    phase = 3 // the leader runs
	lingering  phase = 4 // the leader ended; what it left behind may still write, and may still be ended
	delivering phase = 5 // what is to be delivered is fixed, the client takes it at its own pace; nothing is signalled
	reported   phase = 6 // VERDICT is queued, VERDICT_ACK is awaited
	over       phase = 7 // this side ended the stream
)

// The life at the daemon:
//
//	opening --START--> starting --process--> running --leader ended--> lingering --EOF or linger--> delivering
//	   |                  |                                                                          |      |
//	   | no START         +--failure: nothing ran--------------------------------------------------->+      |
//	   v                                                                            EOFs on the wire v      |
//	  over <-----------------------------------------------------------------VERDICT_ACK------- reported    |
//	   ^                                                                                                    |
//	   +---------------------------------------------------------------------------------viewer lost--------+
var phaseMoves = map[phase][]phase{
	opening:    {starting, over},
	starting:   {running, delivering},
	running:    {lingering},
	lingering:  {delivering},
	delivering: {reported, over},
	reported:   {over},
}

var phaseNames = [...]string{"", "opening", "starting", "running", "lingering", "delivering", "reported", "over"}

func (p phase) String() string { return phaseNames[p] }

func (p *phase) move(to phase) { *p = legal(phaseMoves, *p, to) }

// step is how far the ending of a tree has come.
type step uint8

const (
	noStep   step = 1 // nobody asked for an end
	asked    step = 2 // Terminate was sent, the grace runs
	forced   step = 3 // Kill was sent
	finished step = 4 // the tree is empty, or Kill could do no more
)

// The ending of a tree:
//
//	noStep --end--> asked --grace passed--> forced --tree empty, or settleTime--> finished
//	                  +--tree empty------------------------------------------------->+
var stepMoves = map[step][]step{
	noStep: {asked},
	asked:  {forced, finished},
	forced: {finished},
}

var stepNames = [...]string{"", "no step", "asked", "forced", "finished"}

func (s step) String() string { return stepNames[s] }

func (s *step) move(to step) { *s = legal(stepMoves, *s, to) }

// stage is where a command's life stands at the client.
type stage uint8

const (
	waiting stage = 1 // START is sent
	started stage = 2 // STARTED came
	judged  stage = 3 // VERDICT came and is believed so far; the writers finish
	done    stage = 4 // this side ended the stream
)

// The life at the client:
//
//	waiting --STARTED--> started --VERDICT--> judged --everything written: VERDICT_ACK--> done
//	   |                    |                    +--a count is wrong----------------------->|
//	   |                    +--no verdict: the outcome is unknown-------------------------->|
//	   +--VERDICT, nothing ran--> judged        +--refused, or unknown--------------------->+
var stageMoves = map[stage][]stage{
	waiting: {started, judged, done},
	started: {judged, done},
	judged:  {done},
}

var stageNames = [...]string{"", "waiting", "started", "judged", "done"}

func (s stage) String() string { return stageNames[s] }

func (s *stage) move(to stage) { *s = legal(stageMoves, *s, to) }

// legal gives to, or panics: a move that is not drawn is a bug of this package, whatever the peer does.
func legal[S interface {
	comparable
	fmt.Stringer
}](moves map[S][]S, from, to S) S {
	if !slices.Contains(moves[from], to) {
		panic(fmt.Sprintf("session: %v does not move to %v", from, to))
	}
	return to
}
