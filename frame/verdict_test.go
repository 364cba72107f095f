package frame

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func fullVerdict() Verdict {
	return Verdict{
		Kind: Signaled, Code: -1, Signal: "SEGV", Core: true, In: 1, Out: 100000, Err: 3, Held: HeldOut | HeldErr,
		Survivors: 2, Wall: 1500000, User: 1000, System: 500, Peak: 1 << 32, Reason: "kernel",
	}
}

const (
	goldenVerdict = `ae
		01 02
		02 20
		03 44 53454756
		04 f5
		05 01
		06 1a 000186a0
		07 03
		08 03
		09 02
		0a 1a 0016e360
		0b 1903e8
		0c 1901f4
		0d 1b 0000000100000000
		0e 46 6b65726e656c`
	goldenExited = `a3 01 01 02 07 06 1a 000186a0`
)

func TestVerdictHasItsLayout(t *testing.T) {
	for golden, want := range map[string]Verdict{
		goldenVerdict: fullVerdict(),
		goldenExited:  {Kind: Exited, Code: 7, Out: 100000},
		"a1 01 01":    {Kind: Exited},
	} {
		require.Equal(t, unhex(t, golden), want.Append(nil))
		got, err := ParseVerdict(unhex(t, golden))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// SEMANTICS 1 to 3: no code is bent on its way.
func TestSem1_EveryCodePasses(t *testing.T) {
	for _, code := range []int64{0, 1, 4, 5, 44, 126, 127, 128, 254, 255, 9009, 0xC0000005, math.MaxUint32, -1, math.MaxInt64, math.MinInt64} {
		got, err := ParseVerdict(Verdict{Kind: Exited, Code: code}.Append(nil))
		require.NoError(t, err)
		require.Equal(t, code, got.Code)
	}
}

func TestVerdictRefusesWhatContradictsItself(t *testing.T) {
	for says, v := range map[string]Verdict{
		"verdict: unknown kind 0":                                               {},
		"verdict: unknown kind 10":                                              {Kind: 10},
		"verdict: unknown kind 255":                                             {Kind: 255},
		"verdict: signaled without a signal":                                    {Kind: Signaled},
		`verdict: exited with signal "TERM"`:                                    {Kind: Exited, Signal: "TERM"},
		`verdict: signal "a\x1b" has a byte outside [A-Z0-9+]`:                  {Kind: Signaled, Signal: "a\x1b"},
		"verdict: a signal's name of 17 bytes, must be 1 to 16":                 {Kind: Signaled, Signal: strings.Repeat("A", 17)},
		"verdict: refused with 1 bytes in, 0 out, 0 err":                        {Kind: Refused, In: 1},
		"verdict: start_failed with 0 bytes in, 2 out, 0 err":                   {Kind: StartFailed, Code: 127, Out: 2},
		"verdict: start_failed with 0 bytes in, 0 out, 3 err":                   {Kind: StartFailed, Code: 126, Err: 3},
		"verdict: a time of -1 us, must be 0 to 9223372036854775":               {Kind: Exited, Wall: -1},
		"verdict: a time of -2 us, must be 0 to 9223372036854775":               {Kind: Exited, User: -2},
		"verdict: a time of -3 us, must be 0 to 9223372036854775":               {Kind: Exited, System: -3},
		"verdict: a time of 9223372036854776 us, must be 0 to 9223372036854775": {Kind: Exited, Wall: maxMicros + 1},
		"verdict: unknown held 4":                                               {Kind: Exited, Held: 4},
	} {
		requireRefused(t, v, ParseVerdict, says)
	}
	for _, v := range []Verdict{
		{Kind: TimedOut, Signal: "KILL"}, {Kind: TimedOut}, {Kind: Canceled, Signal: "34"}, {Kind: Refused, Reason: "no"},
		{Kind: StartFailed, Code: 127}, {Kind: Unknown, Out: 1}, {Kind: Ended, Wall: maxMicros}, fullVerdict(),
	} {
		require.NoError(t, v.Validate())
	}
}

const goldenDial = `a3 01 43 746370 02 4c 6c6f63616c686f73743a3232 03 41 78`

func TestDialHasItsLayout(t *testing.T) {
	want := Dial{Network: "tcp", Address: "localhost:22", Origin: "x"}
	require.Equal(t, unhex(t, goldenDial), want.Append(nil))
	got, err := ParseDial(unhex(t, goldenDial))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestDialRefusesNetworksAndAddresses(t *testing.T) {
	for says, d := range map[string]Dial{
		`dial: unknown network ""`:    {Address: "a:1"},
		`dial: unknown network "udp"`: {Network: "udp", Address: "a:1"},
		`dial: address ""`:            {Network: "tcp"},
		`dial: address "a\x00b:1"`:    {Network: "tcp", Address: "a\x00b:1"},
	} {
		requireRefused(t, d, ParseDial, says)
	}
	require.NoError(t, Dial{Network: "unix", Address: "/run/x"}.Validate())
}

const goldenConnected = `a2 01 50 000102030405060708090a0b0c0d0e0f 02 4c 3132372e302e302e313a3232`

func TestConnectedHasItsLayout(t *testing.T) {
	want := Connected{Session: unhex(t, "000102030405060708090a0b0c0d0e0f"), Address: "127.0.0.1:22"}
	require.Equal(t, unhex(t, goldenConnected), want.Append(nil))
	got, err := ParseConnected(unhex(t, goldenConnected))
	require.NoError(t, err)
	require.Equal(t, want, got)
	requireRefused(t, Connected{Session: []byte("short")}, ParseConnected, "connected: a session id of 5 bytes, must be 16")
}
