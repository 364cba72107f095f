package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The running daemon listens where only its owner may come: on a Unix socket in its data folder, on Windows on a named
// pipe. A request is one word on a line, the answer one JSON object on a line.

// controlTime bounds a conversation with the running daemon.
const controlTime = 30 * time.Second

// acceptPause keeps an accept that fails from spinning.
const acceptPause = 100 * time.Millisecond

// controlAnswer is what the daemon says; Error empty: it was done.
type controlAnswer struct {
	Error  string          `json:"error,omitempty"`
	Status json.RawMessage `json:"status,omitempty"`
}

var errNoDaemon = errors.New("no daemon is running here: start it with rexecd serve, or name the folder of one that runs with --state DIR")

// runningAlready says that another daemon has these files.
func (p paths) runningAlready() error {
	return fmt.Errorf("a daemon is running already with the files in %s: stop it first", p.data)
}

// mostAsking is how many may ask at the same time: one who is silent, stopped with ^Z perhaps, keeps nobody waiting.
const mostAsking = 16

// serveControl answers until l is closed.
func serveControl(l net.Listener, do map[string]func() (any, error)) {
	var asking sync.WaitGroup
	defer asking.Wait()
	places := make(chan struct{}, mostAsking)
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, mostly: whoever asks then is answered when some are closed
			time.Sleep(acceptPause)
			continue
		}
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			answerControl(c, do)
		})
	}
}

func answerControl(c net.Conn, do map[string]func() (any, error)) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(controlTime))
	var a controlAnswer
	word, err := bufio.NewReaderSize(c, 64).ReadString('\n')
	handle := do[word[:max(len(word)-1, 0)]]
	switch {
	case err != nil:
	case handle == nil:
		a.Error = fmt.Sprintf("unknown request %q", word)
	default:
		said, err := handle()
		if err != nil {
			a.Error = err.Error()
		} else if said != nil {
			a.Status, _ = json.Marshal(said)
		}
	}
	_ = json.NewEncoder(c).Encode(a)
}

// ask sends the running daemon a request.
func ask(p paths, word string) (json.RawMessage, error) {
	c, err := p.dialControl()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(controlTime))
	if _, err := fmt.Fprintln(c, word); err != nil {
		return nil, err
	}
	var a controlAnswer
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return nil, fmt.Errorf("the daemon gave no answer: %w", err)
	}
	if a.Error != "" {
		return nil, errors.New(a.Error)
	}
	return a.Status, nil
}
