package invoke

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"rexec/frame"
)

func TestSem26_ATimeoutThatLeftSomethingDoesNotSayThatAllEnded(t *testing.T) {
	assert.Contains(t, verdictWords(frame.Verdict{Kind: frame.TimedOut}), "ended with all that it started")
	words := verdictWords(frame.Verdict{Kind: frame.TimedOut, Survivors: 2})
	assert.NotContains(t, words, "with all")
	assert.Contains(t, words, "2 of the processes that it started live on")
}
