package link

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"os"
	"time"

	"rexec/frame"
	"rexec/hmacauth"
	"rexec/internal/mux"
)

// ClientConfig says who we are and whom we mean to meet.
type ClientConfig struct {
	Credentials hmacauth.Credentials
	Pin         []byte        // of the certificate, known before this connection; nil: first contact
	Timeout     time.Duration // 0: Timeout
	Ping        time.Duration // 0: what M4 says
	PingCount   int           // 0: what M4 says

	Guard func() // deferred by every goroutine of the link; nil: nothing

	// First opens the first stream: it may Open and send START, nothing else, and must not wait, for nothing moves yet.
	// It is called once, when the daemon is known as far as it will be, or not at all if the connection fails before.
	// With a Pin that is before M3, so that what it queues, up to frame.MaxStartBehindM3 bytes, saves a round trip;
	// otherwise it goes out after M4. Its error ends the connection before anything of it was sent. nil: nothing.
	First func(*mux.Conn) error
}

// Stage says how far a connection came before it failed.
type Stage uint8

// The stages.
const (
	StageChannel Stage = 1 // TLS
	StageProof   Stage = 2 // M1 to M4; nothing ran
	StageUnknown Stage = 3 // what First queued was sent, so it may have run
)

// ClientError is why there is no link.
type ClientError struct {
	Stage Stage
	Hint  string // one line: what the other side seems to be and what to do next; empty: Err says it
	Err   error  // what was found; after ctx ended its cause; First's own
}

func (e *ClientError) Error() string {
	if e.Hint != "" {
		return e.Hint
	}
	return e.Err.Error()
}

// Unwrap gives the cause below.
func (e *ClientError) Unwrap() error { return e.Err }

// Client makes a link over nc, which it owns from now on. ctx bounds the handshake alone. The error is always a
// *ClientError; nc is closed then, and streams that First opened end with it.
func Client(ctx context.Context, nc net.Conn, cfg ClientConfig) (*Link, error) {
	d := dialogue{channel: clientChannel(nc, cfg.Pin), cfg: cfg, stage: StageChannel}
	d.bound(cfg.Timeout)
	stop := context.AfterFunc(ctx, d.cancel)
	l, err := d.run()
	canceled := !stop()
	if err == nil && !canceled {
		return l, nil
	}
	if canceled && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		err = &canceledError{context.Cause(ctx)}
	}
	failed := &ClientError{Stage: d.stage, Hint: hint(d.stage, err), Err: err}
	if d.mux != nil {
		d.mux.Abort(failed)
	}
	_ = nc.Close()
	if l != nil {
		<-l.done
	}
	return nil, failed
}

// dialogue is the client's half of the way to a link.
type dialogue struct {
	*channel
	cfg   ClientConfig
	stage Stage
	mux   *mux.Conn // nil until the proofs
}

func (d *dialogue) run() (*Link, error) {
	if err := d.Handshake(); err != nil {
		return nil, err
	}
	d.stage = StageProof
	cs := d.ConnectionState()
	pin := sha256.Sum256(cs.PeerCertificates[0].Raw)
	b, err := binding(cs, pin)
	if err != nil {
		return nil, err
	}
	hs, err := hmacauth.NewClient(b, d.cfg.Credentials)
	if err != nil {
		return nil, err
	}
	asked := time.Now()
	if _, err := d.Write(hs.M1()); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(d.channel, smallBuffer)
	m2, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	rtt := time.Since(asked)
	m3, err := hs.M3(m2)
	if err != nil {
		return nil, err
	}
	d.mux = mux.New(d.below.clocks(mux.Config{Role: mux.Client, RTT: rtt, Guard: d.cfg.Guard}))
	params, err := d.prove(hs, m3, r)
	if err != nil {
		return nil, err
	}
	d.proved()
	if d.cfg.First != nil {
		d.stage = StageUnknown
	}
	d.mux.SetTimes(cmp.Or(d.cfg.Ping, time.Duration(params.PingSeconds)*time.Second),
		cmp.Or(d.cfg.PingCount, int(params.PingCount)))
	d.mux.SetLimits(params.MaxFrame)
	l := start(d.mux, r, d.channel, d.cfg.Guard)
	l.Params, l.Pin = params, pin
	return l, nil
}

// prove sends M3, with the first stream behind it where the daemon is pinned, and judges M4. Whichever way it goes,
// First was called by then, if it is called at all.
func (d *dialogue) prove(hs *hmacauth.Client, m3 []byte, r *bufio.Reader) (hmacauth.Params, error) {
	if d.cfg.Pin != nil && d.cfg.First != nil {
		if err := d.cfg.First(d.mux); err != nil {
			return hmacauth.Params{}, err
		}
		if queued := d.mux.TakeQueued(frame.MaxStartBehindM3); queued != nil {
			m3 = append(m3, queued...)
			d.stage = StageUnknown
		}
	}
	if _, err := d.Write(m3); err != nil {
		return hmacauth.Params{}, err
	}
	m4, err := readFrame(r)
	if err != nil {
		return hmacauth.Params{}, err
	}
	params, err := hs.Finish(m4)
	if err != nil {
		var refused *hmacauth.RefusedError
		if errors.As(err, &refused) {
			d.stage = StageProof // a daemon that was pinned says so: nothing ran
		}
		return hmacauth.Params{}, err
	}
	if d.cfg.Pin == nil && d.cfg.First != nil {
		err = d.cfg.First(d.mux)
	}
	return params, err
}
