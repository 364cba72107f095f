package hmacauth

import (
	"cmp"
	"fmt"

	"rexec/frame"
)

// Params are what the server's M4 says about the connection, under its proof.
type Params struct {
	// ConnID names the connection in logs. All zero in a ServerConfig: drawn at
	// random.
	ConnID [16]byte
	// MaxFrame is the largest DATA payload in bytes, 1024 to 65536.
	MaxFrame uint32
	// Window is the first credit of a client-to-server lane in bytes, 65536 to
	// 1048576.
	Window uint32
	// PingSeconds is the silence after which a side pings, 1 to 3600.
	PingSeconds uint16
	// PingCount is how many unanswered pings lose the peer, 1 to 10.
	PingCount uint16
}

// DefaultParams are 64 KiB frames, a 256 KiB window, and a ping after 15
// seconds, three times. ConnID is left zero.
func DefaultParams() Params {
	return Params{MaxFrame: frame.MaxMaxFrame, Window: 262144, PingSeconds: 15, PingCount: 3}
}

// Validate names the first value out of range.
func (p Params) Validate() error {
	for _, v := range []struct {
		name          string
		got, min, max uint32
	}{
		{"max_frame", p.MaxFrame, frame.MinMaxFrame, frame.MaxMaxFrame},
		{"window", p.Window, frame.MinWindow, frame.MaxWindow},
		{"ping seconds", uint32(p.PingSeconds), 1, 3600},
		{"ping count", uint32(p.PingCount), 1, 10},
	} {
		if v.got < v.min || v.got > v.max {
			return fmt.Errorf("%s %d is not within %d to %d", v.name, v.got, v.min, v.max)
		}
	}
	return nil
}

// orDefault fills zero fields.
func (p Params) orDefault() Params {
	d := DefaultParams()
	p.MaxFrame = cmp.Or(p.MaxFrame, d.MaxFrame)
	p.Window = cmp.Or(p.Window, d.Window)
	p.PingSeconds = cmp.Or(p.PingSeconds, d.PingSeconds)
	p.PingCount = cmp.Or(p.PingCount, d.PingCount)
	return p
}
