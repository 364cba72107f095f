package fleet

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"rexec/frame"
	"rexec/internal/invoke"
)

// JSON writes an object a line: what happens as it happens, for each host a last one with its result, and one for all.
type JSON struct {
	screen *Screen
	began  time.Time
}

// NewJSON writes to screen's stdout.
func NewJSON(screen *Screen) *JSON { return &JSON{screen: screen, began: time.Now()} }

// happened is what all objects begin with.
type happened struct {
	Event string `json:"event"` // start line end summary
	MS    int64  `json:"ms"`    // since the run began
}

func (j *JSON) now(event string) happened {
	return happened{Event: event, MS: time.Since(j.began).Milliseconds()}
}

func (j *JSON) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return j.screen.Out(append(line, '\n'))
}

// Started is View's.
func (j *JSON) Started(h Host, info *frame.Started) (stdout, stderr Sink) {
	_ = j.write(struct {
		happened
		Host        string `json:"host"`
		Session     string `json:"session"`
		OS          string `json:"os"`
		Encoding    string `json:"encoding"`
		Containment string `json:"containment"`
		Note        string `json:"note,omitempty"`
	}{j.now("start"), h.Name, hex.EncodeToString(info.Session), info.OS, info.Encoding, info.Containment.String(), info.Note})
	return j.lines(h, "stdout"), j.lines(h, "stderr")
}

// Ended is View's.
func (j *JSON) Ended(r Result) { _ = j.end(r) }

func (j *JSON) end(r Result) error {
	return j.write(struct {
		happened
		State string `json:"state"`
		invoke.Status
	}{j.now("end"), key(r.State), r.Status})
}

// Finish writes the results of hosts that were not even tried, and the last object: the node set of each state, and this
// process's exit code.
func (j *JSON) Finish(results []Result, exit int) error {
	for _, r := range results {
		if !r.tried {
			if err := j.end(r); err != nil {
				return err
			}
		}
	}
	sets := map[string]string{}
	for _, s := range states {
		sets[key(s)] = fold(named(results, s))
	}
	return j.write(struct {
		happened
		Hosts int               `json:"hosts"`
		Sets  map[string]string `json:"sets"`
		Exit  int               `json:"exit"`
	}{j.now("summary"), len(results), sets, exit})
}

// key is a state as a program likes it.
func key(s State) string { return strings.ReplaceAll(s.String(), " ", "_") }

// jsonLines is a Sink that writes an object for each line.
type jsonLines struct {
	j      *JSON
	host   string
	stream string

	mu  sync.Mutex
	cut cutter
	err error
}

func (j *JSON) lines(h Host, stream string) *jsonLines {
	l := &jsonLines{j: j, host: h.Name, stream: stream}
	l.cut.line = l.line
	return l
}

func (l *jsonLines) line(text []byte, whole bool) {
	event := struct {
		happened
		Host    string  `json:"host"`
		Stream  string  `json:"stream"`
		Text    *string `json:"text,omitempty"`
		Base64  []byte  `json:"base64,omitempty"`  // in place of text that is no UTF-8
		Partial bool    `json:"partial,omitempty"` // no newline ended it
	}{happened: l.j.now("line"), Host: l.host, Stream: l.stream, Partial: !whole}
	if utf8.Valid(text) {
		s := string(text)
		event.Text = &s
	} else {
		event.Base64 = text
	}
	if err := l.j.write(event); l.err == nil {
		l.err = err
	}
}

func (l *jsonLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut.write(p)
	if l.err != nil {
		return 0, l.err
	}
	return len(p), nil
}

// End writes what no newline ended.
func (l *jsonLines) End() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut.end()
	return l.err
}
