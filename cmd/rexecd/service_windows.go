package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"

	"rexec/internal/invoke"
)

// serviceName is the service's, and its source's in the event log.
const serviceName = "rexecd"

// serviceWords stand in front of the daemon's arguments when the service manager starts it.
var serviceWords = []string{"service", "run"}

// asService runs the program for the service manager, if that started it.
func asService(args []string, std stdio) (code int, done bool) {
	n := len(serviceWords)
	if len(args) < n || !slices.Equal(args[:n], serviceWords) {
		return 0, false
	}
	err := svc.Run(serviceName, &service{args: append([]string{"serve"}, args[n:]...), std: std})
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		err = errors.New("this is for Windows to say: start the service with rexecd service start")
	}
	if err != nil {
		say(std.err, "rexecd: %s", invoke.Line(err.Error()))
		return 1, true
	}
	return 0, true
}

// service is the daemon's life as the service manager wants it told.
type service struct {
	args []string
	std  stdio
}

// stopTime is how long the manager is asked to be patient: the daemon bounds its own end.
const stopTime = 60_000 // ms

// Execute implements svc.Handler.
func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	status <- svc.Status{State: svc.StartPending, WaitHint: stopTime}
	events, err := eventlog.Open(serviceName)
	if err != nil {
		return true, 1
	}
	defer events.Close()
	s.std.events = &eventSink{events}
	words, finished, err := forward(events)
	if err != nil {
		return true, 1
	}
	s.std.err, s.std.out = words, words
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ready := make(chan struct{})
	s.std.ready = func() { close(ready) }
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, s.args, s.std) }()
	for {
		select {
		case <-ready:
			ready = nil
			status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: stopTime}
				stop()
			}
		case n := <-ended:
			_ = words.Close()
			<-finished
			return n != 0, uint32(n)
		}
	}
}

// forward gives a file of which each line goes to the event log, and a channel that is closed after the last.
func forward(events *eventlog.Log) (*os.File, <-chan struct{}, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer r.Close()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			_ = events.Error(eventID, invoke.Line(lines.Text()))
		}
	}()
	return w, finished, nil
}

// keepCrashes has a crash told in a file among the daemon's own, as the service has no stderr, and what the last one left
// there told in the log. Whoever calls stop did not crash.
func keepCrashes(p paths, std stdio, log *logrus.Logger) (stop func()) {
	if std.events == nil {
		return func() {}
	}
	path := filepath.Join(p.data, "crash.txt")
	if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
		said := "the daemon crashed when it last ran: " + strings.ToValidUTF8(strings.ReplaceAll(string(text), "\x00", ""), "?")
		_ = std.events.events.Error(eventID, said[:min(len(said), mostOfAnEvent)])
	}
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(debug.SetCrashOutput(f, debug.CrashOptions{}), f.Close()) // it has a handle of its own
	}
	if err != nil {
		log.WithError(err).Warn("cannot keep what a crash would say")
	}
	return func() { _ = debug.SetCrashOutput(nil, debug.CrashOptions{}) }
}

// mostOfAnEvent is less than ReportEvent takes, in bytes as in UTF-16 units.
const mostOfAnEvent = 30_000

// eventID has the whole text as its only argument in the message file that eventcreate.exe brings.
const eventID = 1

// eventSink writes the daemon's log to the event log.
type eventSink struct{ events *eventlog.Log }

// Levels implements logrus.Hook.
func (s *eventSink) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements logrus.Hook.
func (s *eventSink) Fire(e *logrus.Entry) error {
	line, err := e.Bytes()
	if err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	text := invoke.Line(string(line))
	text = text[:min(len(text), mostOfAnEvent)]
	switch {
	case e.Level <= logrus.ErrorLevel:
		return s.events.Error(eventID, text)
	case e.Level == logrus.WarnLevel:
		return s.events.Warning(eventID, text)
	}
	return s.events.Info(eventID, text)
}
