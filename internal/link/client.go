package link

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
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

	// First opens the first stream. With a Pin it is called before M3, so that what it queues, up to
	// frame.MaxStartBehindM3 bytes, saves a round trip; otherwise after M4. nil: nothing.
	First func(*mux.Conn) error
}

// Stage says how far a connection came before it failed.
type Stage uint8

// The stages.
const (
	StageChannel Stage = 1 // TLS
	StageProof   Stage = 2 // M1 to M4
	StageUnknown Stage = 3 // behind M3 with a START: it may have run
)

// ClientError is why there is no link.
type ClientError struct {
	Stage Stage
	Hint  string // what the other side seems to be, or what to do next; empty: nothing is known
	Err   error
}

func (e *ClientError) Error() string {
	if e.Hint != "" {
		return e.Hint
	}
	return e.Err.Error()
}

// Unwrap gives the cause below.
func (e *ClientError) Unwrap() error { return e.Err }

// Client makes a link over nc, which it owns from now on.
func Client(ctx context.Context, nc net.Conn, cfg ClientConfig) (*Link, error) {
	ch := clientChannel(nc, cfg.Pin)
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	ch.bound(time.Now().Add(timeout))
	stop := context.AfterFunc(ctx, func() { ch.bound(time.Unix(1, 0)) })
	l, err := ch.client(cfg)
	if !stop() && err == nil {
		l.Abort(context.Cause(ctx))
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = nc.Close()
		if cause := context.Cause(ctx); cause != nil {
			var ce *ClientError
			if errors.As(err, &ce) {
				return nil, &ClientError{Stage: ce.Stage, Err: cause}
			}
			return nil, &ClientError{Stage: StageChannel, Err: cause}
		}
		return nil, err
	}
	return l, nil
}

func (c *channel) client(cfg ClientConfig) (*Link, error) {
	if err := c.Handshake(); err != nil {
		return nil, &ClientError{Stage: StageChannel, Hint: channelHint(err), Err: err}
	}
	cs := c.ConnectionState()
	pin := sha256.Sum256(cs.PeerCertificates[0].Raw)
	proof := func(err error) error { return &ClientError{Stage: StageProof, Hint: proofHint(err), Err: err} }

	b, err := binding(cs, pin)
	if err != nil {
		return nil, proof(err)
	}
	hs, err := hmacauth.NewClient(b, cfg.Credentials)
	if err != nil {
		return nil, proof(err)
	}
	asked := time.Now()
	if _, err := c.Write(hs.M1()); err != nil {
		return nil, proof(err)
	}
	r := bufio.NewReaderSize(c, smallBuffer)
	m2, err := readFrame(r)
	if err != nil {
		return nil, proof(err)
	}
	rtt := time.Since(asked)
	m3, err := hs.M3(m2)
	if err != nil {
		return nil, proof(err)
	}

	m := mux.New(mux.Config{Role: mux.Client, RTT: rtt,
		LastRead:  func() time.Time { return time.Unix(0, c.below.lastRead.Load()) },
		LastWrite: func() time.Time { return time.Unix(0, c.below.lastWrite.Load()) }})
	fail := func(err error) (*Link, error) {
		m.Close() // ends what First opened
		return nil, err
	}
	early := false
	if cfg.Pin != nil && cfg.First != nil {
		if err := cfg.First(m); err != nil {
			return fail(err)
		}
		if queued := m.TakeQueued(frame.MaxStartBehindM3); queued != nil {
			early = true
			m3 = append(bytes.Clone(m3), queued...)
		}
	}
	if _, err := c.Write(m3); err != nil {
		if early {
			return fail(&ClientError{Stage: StageUnknown, Err: err})
		}
		return fail(proof(err))
	}
	m4, err := readFrame(r)
	var params hmacauth.Params
	if err == nil {
		params, err = hs.Finish(m4)
	}
	if err != nil {
		var refused *hmacauth.RefusedError
		if early && !errors.As(err, &refused) {
			return fail(&ClientError{Stage: StageUnknown, Err: err})
		}
		return fail(proof(err))
	}
	c.bound(time.Time{})
	limitQueue(c.below.Conn)
	ping, count := cfg.Ping, cfg.PingCount
	if ping == 0 {
		ping = time.Duration(params.PingSeconds) * time.Second
	}
	if count == 0 {
		count = int(params.PingCount)
	}
	m.SetTimes(ping, count)
	m.SetLimits(params.MaxFrame)
	l := start(m, r, c)
	l.Params, l.Pin = params, pin
	if cfg.First != nil && cfg.Pin == nil {
		if err := cfg.First(m); err != nil {
			l.Abort(err)
			return nil, err
		}
	}
	return l, nil
}

// channelHint says what a peer that does not speak our TLS seems to be.
func channelHint(err error) string {
	var pinned *PinError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &pinned):
		return pinned.Error()
	case errors.As(err, &record):
		switch head := string(record.RecordHeader[:]); {
		case head == "SSH-2" || head == "SSH-1":
			return "an ssh server answers there, not rexecd: check the port"
		case head == "HTTP/":
			return "an HTTP server answers there, not rexecd: check the port"
		default:
			return fmt.Sprintf("something answers there that is not rexecd (it begins with %q): check the port", head)
		}
	case errors.As(err, &alert):
		return fmt.Sprintf("a TLS server answers there that does not speak rexec/1 (%v): check the port", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "something answers there and stays silent: is it rexecd?"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was closed before TLS was up: not rexecd, or it is busy"
	}
	return ""
}

func proofHint(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the daemon went silent during the proofs"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was cut during the proofs"
	}
	return ""
}
