package frame

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestEveryFrameHasWordsOfItsOwn(t *testing.T) {
	id := []byte("0123456789abcdef")
	for _, c := range []struct {
		t       Type
		lane    uint8
		payload []byte
		kind    string
		want    string
	}{
		{TypeOpen, 0, Open{Kind: "exec", Credit: [2]uint64{1, 2}}.Append(nil), KindExec, "OPEN 7 exec, first credit 1 and 2 bytes"},
		{TypeAccept, 0, Accept{Credit: [2]uint64{3, 0}}.Append(nil), KindExec, "ACCEPT 7 first credit 3 bytes"},
		{TypeReset, 0, Ending{CodeOverload, "too\nmuch"}.Append(nil), KindExec, `RESET 7 overload "too\nmuch"`},
		{TypeClose, 0, nil, KindExec, "CLOSE 7"},
		{TypeData, LaneOut, []byte("secret"), KindExec, "DATA 7 stdout 6 bytes"},
		{TypeData, LaneIn, []byte("secret"), KindTCP, "DATA 7 lane 1 6 bytes"},
		{TypeCredit, LaneErr, Credit{10, 20}.Append(nil), KindExec, "CREDIT 7 stderr 10 bytes consumed, 20 may be sent"},
		{TypeEOF, LaneIn, AppendUint64(nil, 5), KindExec, "EOF 7 stdin after 5 bytes"},
		{TypeStop, LaneOut, nil, KindExec, "STOP 7 stdout"},
		{TypePing, 0, AppendUint64(nil, 3), "", "PING 3"},
		{TypeGoAway, 0, Ending{CodeShutdown, "bye"}.Append(nil), "", `GOAWAY shutting down "bye"`},
		{TypeAway, 0, AppendAway(nil, 60), "", "AWAY for 60 s"},
		{TypeResize, 0, Size{Rows: 24, Cols: 80}.Append(nil), KindExec, "RESIZE 7 24 rows, 80 columns"},
		{TypeSignal, 0, Signal{2, "INT"}.Append(nil), KindExec, "SIGNAL 7 SIGINT, the 2. of this client"},
		{TypeCancel, 0, []byte{1}, KindExec, "CANCEL 7 reason 1"},
		{TypeVerdictAck, 0, nil, KindExec, "VERDICT_ACK 7"},
		{TypeStart, 0, Start{Line: "id", EnvOffered: []string{"A=secret"}, Linger: 2000}.Append(nil), KindExec,
			`START 7 the shell line "id", offering ["A"], lingering 2s (`},
		{TypeStart, 0, Start{Terminal: &Terminal{Term: "xterm", Size: Size{Rows: 24, Cols: 80}}, Timeout: 1500}.Append(nil), KindExec,
			`START 7 a login shell, in a terminal "xterm" of 24 rows, 80 columns, 0 modes, for 1.5s at most, not lingering (`},
		{TypeStart, 0, Dial{Network: "tcp", Address: "a:1"}.Append(nil), KindTCP, "START 7 ("},
		{TypeStarted, 0, Started{Session: id, Pid: 9, OS: "linux", Containment: ContainCgroup}.Append(nil), KindExec,
			`STARTED 7 session 30313233343536373839616263646566, process 9, "linux", shell "", encoding "", a cgroup (`},
		{TypeVerdict, 0, Verdict{Kind: Signaled, Signal: "SEGV", Out: 3}.Append(nil), KindExec, "VERDICT 7 signaled, code 0 by SIGSEGV, 0 bytes in, 3 out, 0 err"},
		{TypeVerdict, 0, []byte{1, 2}, KindExec, "VERDICT 7 (2 bytes)"},
		{0x85, 0, []byte{1, 2}, "", "type 0x85 7 (2 bytes)"},
	} {
		h := Header{Length: uint32(len(c.payload)), Type: c.t, Lane: c.lane, Stream: 7}
		if c.t.OnConnection() {
			h.Stream = 0
		}
		got := Describe(h, c.payload, c.kind)
		assert.True(t, strings.HasPrefix(got, c.want), "%s\nwant %s", got, c.want)
		assert.NotContains(t, got, "secret")
	}
}

func TestWhateverComesIsDescribedInOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload")
		h := Header{Length: uint32(len(p)), Type: Type(rapid.Byte().Draw(t, "type")), Lane: rapid.Byte().Draw(t, "lane"), Stream: rapid.Uint16().Draw(t, "stream")}
		got := Describe(h, p, rapid.SampledFrom([]string{KindExec, KindTCP, ""}).Draw(t, "kind"))
		if strings.IndexFunc(got, unicode.IsControl) >= 0 {
			t.Fatalf("%q", got)
		}
	})
}
