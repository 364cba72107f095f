package link

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
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

	// Trace is told what happens until the proofs are done: 1, the steps; 2, the parameters. nil: nobody is.
	Trace func(level int, format string, args ...any)
	// Watch is shown every frame behind the proofs, as mux.Config has it; nil: nobody is.
	Watch func(sent bool, h frame.Header, payload []byte)

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
		_ = d.below.flush() // an alert
		return nil, err
	}
	d.stage = StageProof
	cs := d.ConnectionState()
	pin := sha256.Sum256(cs.PeerCertificates[0].Raw)
	b, err := binding(cs, pin)
	if err != nil {
		return nil, err
	}
	d.tellChannel(cs, pin)
	hs, err := hmacauth.NewClient(b, d.cfg.Credentials)
	if err != nil {
		return nil, err
	}
	d.tell(2, "M1: key %q, for the daemon %q, version %d", d.cfg.Credentials.KeyID, d.cfg.Credentials.ServerID, hmacauth.Version)
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
	d.tell(2, "M2: the daemon's challenge came after %v", rtt.Round(time.Microsecond))
	m3, err := hs.M3(m2)
	if err != nil {
		return nil, err
	}
	d.mux = mux.New(d.below.clocks(mux.Config{Role: mux.Client, RTT: rtt, Guard: d.cfg.Guard, Watch: d.cfg.Watch}))
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
	if d.stage == StageUnknown {
		d.tell(2, "M3: the proof of the key, and in the same flight the command, for the certificate is the pinned one")
	} else {
		d.tell(2, "M3: the proof of the key")
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
	d.tell(2, "M4: the daemon's own proof is right; connection %x, frames of at most %d bytes, %d bytes ahead, a sign of life every %d s, lost after %d without one",
		params.ConnID, params.MaxFrame, params.Window, params.PingSeconds, params.PingCount+1)
	if d.cfg.Pin == nil && d.cfg.First != nil {
		err = d.cfg.First(d.mux)
	}
	return params, err
}

func (d *dialogue) tell(level int, format string, args ...any) {
	if d.cfg.Trace != nil {
		d.cfg.Trace(level, format, args...)
	}
}

// tellChannel says what TLS has come to.
func (d *dialogue) tellChannel(cs tls.ConnectionState, pin [32]byte) {
	if d.cfg.Trace == nil {
		return
	}
	known := "which nobody has pinned yet"
	if d.cfg.Pin != nil {
		known = "the pinned one"
	}
	d.tell(1, "%s is up; the daemon shows the certificate %x, %s", tls.VersionName(cs.Version), pin[:8], known)
	d.tell(2, "TLS has %s, keys by %v, protocol %q", tls.CipherSuiteName(cs.CipherSuite), cs.CurveID, cs.NegotiatedProtocol)
}
