package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/internal/server"
)

func get(t *testing.T, h http.Handler, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	b, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return w.Code, string(b)
}

func TestMetricsSayWhatStatusSaysAndCarryNoLabelOfOurs(t *testing.T) {
	var r reloads
	r.good.Store(3)
	r.bad.Store(1)
	s := server.Status{Since: time.Unix(1000, 0), Connections: 2, Unproved: 4, Refused: 5, ShutOut: 6, Sessions: 7, Started: 8}
	h := monitorHandler(func() server.Status { return s }, &r)
	code, text := get(t, h, "GET", "/metrics")
	assert.Equal(t, 200, code)
	for _, line := range []string{"rexecd_start_time_seconds 1000", "rexecd_connections 2", "rexecd_connections_unproved 4",
		"rexecd_handshakes_failed_total 5", "rexecd_connections_shut_out_total 6", "rexecd_sessions 7", "rexecd_sessions_started_total 8",
		"rexecd_reloads_total 3", "rexecd_reload_failures_total 1"} {
		assert.Contains(t, text, "\n"+line+"\n")
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "rexecd_") {
			assert.NotContains(t, line, "{", "no label")
		}
	}
	code, text = get(t, h, "GET", "/healthz")
	assert.Equal(t, 200, code)
	assert.Equal(t, "ok\n", text)
	s.Closing = true
	code, text = get(t, h, "GET", "/healthz")
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Equal(t, "shutting down\n", text)
	code, _ = get(t, h, "POST", "/metrics")
	assert.Equal(t, http.StatusMethodNotAllowed, code)
	code, _ = get(t, h, "GET", "/debug/pprof/")
	assert.Equal(t, http.StatusNotFound, code)
}
