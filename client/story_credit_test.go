package client

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"rexec/frame"
)

// Whether a window grows in a command of some length is the machine's to decide, so the frames are made here.
func TestAWindowThatGrowsIsToldAndOneThatOnlyMovesIsNot(t *testing.T) {
	var told []string
	s := newStory(Config{TraceLevel: 2, Trace: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }})
	s.see(true, frame.Header{Type: frame.TypeOpen, Stream: 1}, frame.Open{Kind: frame.KindExec, Credit: [2]uint64{1000, 1000}}.Append(nil))
	told = nil
	for _, c := range []frame.Credit{{Consumed: 500, Limit: 1500}, {Consumed: 1500, Limit: 3500}, {Consumed: 2000, Limit: 4000}} {
		s.see(true, frame.Header{Type: frame.TypeCredit, Lane: frame.LaneOut, Stream: 1}, c.Append(nil))
	}
	assert.Equal(t, []string{"stdout of stream 1 may be 2000 bytes ahead now"}, told)
}
