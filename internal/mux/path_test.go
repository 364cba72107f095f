package mux

import (
	"io"
	"sync"
	"time"
)

// path is a transport with a delay and a rate, in virtual time. What is written waits in the path, not in the Write,
// beyond what the rate holds up.
type path struct {
	Transport
	delay time.Duration // one way
	rate  int           // bytes a second; 0: any
	queue chan parcel
	done  chan struct{}
	once  sync.Once
}

type parcel struct {
	due  time.Time
	data []byte // nil: CloseWrite
}

// newPath puts w, the end a connection of ours is given, behind a path; Close ends its goroutine.
func newPath(w Transport, delay time.Duration, rate int) *path {
	p := &path{Transport: w, delay: delay, rate: rate, queue: make(chan parcel, 1<<16), done: make(chan struct{})}
	go p.carry()
	return p
}

func (p *path) carry() {
	for {
		select {
		case x := <-p.queue:
			select {
			case <-time.After(time.Until(x.due)):
			case <-p.done:
				return
			}
			if x.data == nil {
				_ = p.Transport.CloseWrite()
			} else if _, err := p.Transport.Write(x.data); err != nil {
				return
			}
		case <-p.done:
			return
		}
	}
}

func (p *path) Write(b []byte) (int, error) {
	select {
	case <-p.done:
		return 0, io.ErrClosedPipe
	default:
	}
	if p.rate > 0 {
		time.Sleep(time.Duration(len(b)) * time.Second / time.Duration(p.rate))
	}
	if len(b) > 0 {
		p.queue <- parcel{time.Now().Add(p.delay), append([]byte(nil), b...)}
	}
	return len(b), nil
}

func (p *path) CloseWrite() error {
	p.queue <- parcel{due: time.Now().Add(p.delay)}
	return nil
}

func (p *path) Close() error {
	p.once.Do(func() { close(p.done) })
	return p.Transport.Close()
}
