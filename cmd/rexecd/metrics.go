package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rexec/internal/server"
)

// reloads counts them.
type reloads struct{ good, bad atomic.Uint64 }

// monitor answers /metrics and /healthz on a listener of its own. No label comes from a client or a key.
type monitor struct {
	http *http.Server
	l    net.Listener
	done chan struct{} // closed when nothing is served any more
}

func startMonitor(address string, listen listener, s *server.Server, r *reloads) (*monitor, error) {
	l, err := listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s for metrics: %w: change metrics in rexecd.toml", address, listenCause(err))
	}
	m := &monitor{l: l, done: make(chan struct{}), http: &http.Server{
		Handler: monitorHandler(s.Status, r), ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
	}}
	go func() {
		defer close(m.done)
		_ = m.http.Serve(l)
	}()
	return m, nil
}

// close may be called on nil.
func (m *monitor) close() {
	if m != nil {
		_ = m.http.Close()
		<-m.done
	}
}

func monitorHandler(status func() server.Status, r *reloads) http.Handler {
	reg := prometheus.NewRegistry()
	gauge := func(name, help string, v func(server.Status) float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return v(status()) }))
	}
	counter := func(name, help string, v func() uint64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(v()) }))
	}
	gauge("rexecd_start_time_seconds", "When the daemon was started.", func(s server.Status) float64 { return float64(s.Since.Unix()) })
	gauge("rexecd_connections", "Connections whose client has proved its key.", func(s server.Status) float64 { return float64(s.Connections) })
	gauge("rexecd_connections_unproved", "Connections in the handshake.", func(s server.Status) float64 { return float64(s.Unproved) })
	gauge("rexecd_sessions", "Commands that run now.", func(s server.Status) float64 { return float64(s.Sessions) })
	counter("rexecd_sessions_started_total", "Commands started.", func() uint64 { return status().Started })
	counter("rexecd_handshakes_failed_total", "Connections that did not come in.", func() uint64 { return status().Refused })
	counter("rexecd_connections_shut_out_total", "Connections of sources with too many wrong proofs, closed at once.", func() uint64 { return status().ShutOut })
	counter("rexecd_reloads_total", "Reloads that took.", r.good.Load)
	counter("rexecd_reload_failures_total", "Reloads that were refused because of a file.", r.bad.Load)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := healthy(status()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	return mux
}

// healthy says why nobody new is let in.
func healthy(s server.Status) error {
	if s.Closing {
		return errors.New("shutting down")
	}
	return nil
}
