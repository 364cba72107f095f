package platform

import (
	"errors"
	"io"
	"os"
	"time"
)

const (
	// drainTime is how long a console that was closed may take to print what
	// it has: it repaints its screen at most.
	drainTime = 2 * time.Second
	// mostDrained is more than any screen takes.
	mostDrained = 16 << 20
)

// readTerminal is Read of a terminal.
func (o *Output) readTerminal(b []byte) (int, error) {
	o.mu.Lock()
	n := copy(b, o.ahead)
	o.ahead = o.ahead[n:]
	o.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	return o.f.Read(b)
}

// drainTerminal is Pending of a terminal whose command has ended. The pipe
// knows only what the console has put in it, and the console may still be
// painting. So all is read here, to its end, kept for Read, and counted.
func (o *Output) drainTerminal() (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.f.SetReadDeadline(time.Now().Add(drainTime)); err != nil {
		return len(o.ahead), err
	}
	b := make([]byte, 32<<10)
	var err error
	for err == nil && len(o.ahead) < mostDrained {
		var n int
		n, err = o.f.Read(b)
		o.ahead = append(o.ahead, b[:n]...)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return len(o.ahead), errors.Join(err, o.f.SetReadDeadline(time.Time{}))
}
