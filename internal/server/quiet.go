package server

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// quiet bounds what strangers can make us log: a line for each source and second, and how many were left out.
type quiet struct {
	again string // the words of the line that counts; empty: one about connections

	mu      sync.Mutex
	sources map[netip.Prefix]*said
}

// said is a source that has had its line of this second.
type said struct {
	more uint64 // lines left out since
	stop *time.Timer
}

const (
	// quietTime is the time between two lines about one source.
	quietTime = time.Second
	// quietSources is how many sources have lines of their own; all others share the line of the zero Prefix.
	quietSources = 32
)

// say logs unless there was a line about the source within quietTime; then the line is counted, and once the time is
// over one line says how many there were.
func (q *quiet) say(from netip.Prefix, log *logrus.Entry, level logrus.Level, words string) {
	q.mu.Lock()
	o := q.sources[from]
	if o == nil && len(q.sources) >= quietSources {
		from = netip.Prefix{}
		o = q.sources[from]
	}
	if o != nil {
		o.more++
		q.mu.Unlock()
		return
	}
	if q.sources == nil {
		q.sources = make(map[netip.Prefix]*said)
	}
	o = &said{}
	q.sources[from] = o
	o.stop = time.AfterFunc(quietTime, func() { q.next(from, o, log, level) })
	q.mu.Unlock()
	log.Log(level, words)
}

// next ends a source's second: with nothing left out the source is forgotten, else this line begins another second.
func (q *quiet) next(from netip.Prefix, o *said, log *logrus.Entry, level logrus.Level) {
	q.mu.Lock()
	more := o.more
	o.more = 0
	if more == 0 {
		delete(q.sources, from)
	} else {
		o.stop.Reset(quietTime)
	}
	q.mu.Unlock()
	if more > 0 {
		if q.again != "" {
			log.WithField("left_out", more).Log(level, q.again)
			return
		}
		source := from.String()
		if !from.IsValid() {
			source = "others"
		}
		withoutError(log).WithFields(logrus.Fields{"source": source, "left_out": more}).Log(level, "more connections that did not come in")
	}
}

// withoutError takes out what was true of one connection alone.
func withoutError(log *logrus.Entry) *logrus.Entry {
	kept := logrus.Fields{}
	for name, v := range log.Data {
		if name != logrus.ErrorKey && name != "remote" {
			kept[name] = v
		}
	}
	return log.Logger.WithFields(kept)
}
