package mux

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"rexec/frame"
)

// FuzzHostileBytes says anything to either role, served by readers and writers of every stream. It must not panic, hold
// more than was granted, or outlive its peer.
func FuzzHostileBytes(f *testing.F) {
	join := func(frames ...[]byte) (all []byte) {
		for _, x := range frames {
			all = append(all, x...)
		}
		return all
	}
	accept := fr(frame.TypeAccept, 0, 1, u64(1000, 0)...)
	f.Add(true, join(openFrame(1, 1000, 10), fr(frame.TypeStart, 0, 1, 0xa0), fr(frame.TypeData, 1, 1, 1, 2, 3), fr(frame.TypeCredit, 2, 1, u64(1, 2000)...),
		fr(frame.TypeStop, 3, 1), fr(frame.TypeEOF, 1, 1, u64(3)...), fr(frame.TypeVerdictAck, 0, 1), fr(frame.TypeClose, 0, 1), openFrame(1, 0)))
	f.Add(true, join(openFrame(1, 1), fr(frame.TypeReset, 0, 1, 0, 7, 'x'), fr(frame.TypePing, 0, 0, u64(1)...), fr(frame.TypeAway, 0, 0, 0, 0, 0, 9), fr(frame.TypeGoAway, 0, 0, 0, 0)))
	f.Add(true, join(openFrame(1), openFrame(3), openFrame(5), openFrame(7), openFrame(9), fr(0x80, 1, 2, 3)))
	f.Add(false, join(accept, fr(frame.TypeStarted, 0, 1, 0xa0), fr(frame.TypeData, 2, 1, 1, 2), fr(frame.TypeCredit, 1, 1, u64(1, 1000)...), fr(frame.TypeEOF, 2, 1, u64(2)...),
		fr(frame.TypeEOF, 3, 1, u64(0)...), fr(frame.TypeVerdict, 0, 1, 0xa0), fr(frame.TypeClose, 0, 1)))
	f.Add(false, join(fr(frame.TypeCredit, 1, 1, u64(0, 1000)...), accept))
	f.Add(false, join(accept, fr(frame.TypeStop, 1, 1), fr(frame.TypeCredit, 1, 1, u64(0, 5)...), openFrame(2, 1000)))
	f.Fuzz(func(t *testing.T, daemon bool, says []byte) {
		synctest.Test(t, func(t *testing.T) {
			role := Client
			if daemon {
				role = Daemon
			}
			const window = 64 << 10
			ours, peer := against(Config{Role: role, Streams: 4, Window: window})
			serve := func(s *Stream) {
				for lane := frame.LaneIn; lane <= frame.LaneErr; lane++ {
					if s.send[lane] != nil {
						go func() {
							_, _ = s.Write(lane, make([]byte, 3000))
							_ = s.CloseLane(lane)
						}()
					} else {
						go func() { _, _, _ = readAll(t.Context(), s, lane) }()
					}
				}
				for {
					if _, _, err := s.Recv(t.Context()); err != nil {
						_ = s.Close()
						return
					}
				}
			}
			go func() {
				for {
					s, err := ours.Accept(t.Context())
					if err != nil {
						return
					}
					go serve(s)
				}
			}()
			if s, err := ours.Open(frame.KindExec, [2]uint64{window, window}, false); err == nil {
				go serve(s)
			}
			peer.say(says)
			synctest.Wait()
			ours.mu.Lock()
			assert.LessOrEqual(t, len(ours.ctl), 2*maxReplies)
			for _, s := range ours.streams {
				for _, l := range s.recv {
					if l != nil {
						assert.LessOrEqual(t, l.buf.held(), uint64(window))
					}
				}
			}
			ours.mu.Unlock()
			peer.hangUp(ours)
			assert.Zero(t, ours.memory.Used())
		})
	})
}
