package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rexec/frame"
)

// gbkStart is `dir 目录` with a folder and variables, as a client writes it for a host that speaks GBK.
func gbkStart() frame.Start {
	return frame.Start{Argv: []string{"dir", "\xc4\xbf\xc2\xbc"}, Cwd: "/\xc4\xbf", Env: []string{"A=\xc2\xbc"}, EnvOffered: []string{"\xc4\xbf=1"}, Words: "gbk"}
}

func TestSem21_WordsBecomeTextWhereTheSystemHasText(t *testing.T) {
	s, err := textWords(gbkStart())
	require.NoError(t, err)
	assert.Equal(t, frame.Start{Argv: []string{"dir", "目录"}, Cwd: "/目", Env: []string{"A=录"}, EnvOffered: []string{"目=1"}}, s)
	s, err = textWords(frame.Start{Line: "\xff"})
	require.NoError(t, err)
	assert.Equal(t, frame.Start{Line: "\xff"}, s, "what is not said to be in an encoding stays as it is")

	_, err = textWords(frame.Start{Line: "dir \xff", Words: "gbk"})
	assert.EqualError(t, err, `"dir \xff" is not written in gbk, as the client says`)
	_, err = textWords(frame.Start{Line: "dir", Words: "gbq"})
	assert.ErrorContains(t, err, `encoding "gbq" is not known`)
}

func TestTheAuditLogReadsWordsByTheirEncoding(t *testing.T) {
	c := asked(gbkStart())
	assert.Equal(t, []string{"dir", "目录"}, c.Argv)
	assert.Equal(t, "/目", c.Cwd)
	assert.Equal(t, []string{"A", "目"}, c.Env)
	assert.Equal(t, "gbk", c.Words)
}

func TestTheAuditLogKeepsBytesThatAnEncodingWouldLose(t *testing.T) {
	for _, s := range []frame.Start{
		{Argv: []string{"dir", "\xc4\xbf", "\xff"}, Words: "gbk"},
		{Argv: []string{"dir", "\xc4\xbf", "\xa2\xe3"}, Words: "gbk"}, // a second code of the euro sign
		{Argv: []string{"dir", "\xc4\xbf"}, Cwd: "\xc4", Words: "gbk"},
		{Argv: []string{"dir", "\xc4\xbf"}, Words: "gbq"},
		{Argv: []string{"dir", "\xc4\xbf"}, Words: "utf-8"},
		{Argv: []string{"dir", "\xc4\xbf"}, Words: "auto"},
		{Argv: []string{"dir", "\xc4\xbf"}},
	} {
		c := asked(s)
		assert.Equal(t, s.Argv, c.Argv)
		assert.Empty(t, c.Words)
	}
}

func TestATerminalThatDoesNotSpeakUTF8DoesNotEraseByIt(t *testing.T) {
	modes := map[uint8]uint32{modeUTF8: 1, 53: 1}
	assert.Equal(t, map[uint8]uint32{modeUTF8: 0, 53: 1}, withoutUTF8(modes))
	assert.Equal(t, uint32(1), modes[modeUTF8], "the client's own map stays")
	assert.Empty(t, withoutUTF8(nil))
}
