package hmacauth

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"rexec/frame"
)

func drawNonce(t *rapid.T) [32]byte {
	return [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "nonce"))
}

func TestMessagesEncodeAndParseAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in1 := m1{
			verMin:   uint16(rapid.IntRange(0, 1).Draw(t, "min")),
			verMax:   uint16(rapid.IntRange(1, 65535).Draw(t, "max")),
			nonce:    drawNonce(t),
			features: rapid.Uint64().Draw(t, "features"),
			keyID:    genID().Draw(t, "key id"),
			serverID: genID().Draw(t, "server id"),
		}
		out1, err := parseM1(in1.encode())
		require.NoError(t, err)
		require.Equal(t, in1, out1)

		in2 := m2{version: rapid.Uint16().Draw(t, "version"), nonce: drawNonce(t), features: rapid.Uint64().Draw(t, "features")}
		out2, err := parseM2(in2.encode())
		require.NoError(t, err)
		require.Equal(t, in2, out2)

		in3 := drawNonce(t)
		out3, err := parseM3(encodeM3(in3))
		require.NoError(t, err)
		require.Equal(t, in3, out3)

		in4 := Params{
			ConnID:      [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
			MaxFrame:    rapid.Uint32Range(1024, 65536).Draw(t, "max_frame"),
			Window:      rapid.Uint32Range(65536, 1048576).Draw(t, "window"),
			PingSeconds: rapid.Uint16Range(1, 3600).Draw(t, "ping_s"),
			PingCount:   rapid.Uint16Range(1, 10).Draw(t, "ping_n"),
		}
		out4, mac, err := parseM4(append(encodeM4(in4), in3[:]...))
		require.NoError(t, err)
		require.Equal(t, in4, out4)
		require.Equal(t, in3, mac)
	})
}

func TestHandshakeFramesFitTheLimitBeforeAuthentication(t *testing.T) {
	long := strings.Repeat("a", maxID)
	for _, f := range [][]byte{
		m1{keyID: long, serverID: long}.encode(), m2{}.encode(), encodeM3([32]byte{}),
		append(encodeM4(DefaultParams()), make([]byte, macSize)...), RefusedFrame(RefusalBusy),
	} {
		require.NoError(t, frame.ParseHeader(f).Check(1024))
		require.LessOrEqual(t, len(f)-frame.HeaderSize, frame.MaxUnproved)
		require.EqualValues(t, len(f)-frame.HeaderSize, frame.ParseHeader(f).Length)
	}
}

// at returns whole with the bytes from offset on replaced.
func at(whole []byte, offset int, by ...byte) []byte {
	whole = slices.Clone(whole)
	copy(whole[offset:], by)
	return whole
}

func TestServerNamesWhatIsWrongWithM1(t *testing.T) {
	good := unhex(t, katM1)
	for want, m1 := range map[string][]byte{
		"M1: protocol error: 3 bytes are no frame":                        good[:3],
		"M1: protocol error: got OPEN":                                    at(good, 4, 0x10),
		"M1: protocol error: is on stream 1, lane 0":                      at(good, 7, 1),
		"M1: protocol error: is on stream 0, lane 2":                      at(good, 5, 2),
		"M1: protocol error: header says 67 bytes, payload has 66":        at(good, 3, 67),
		`M1: protocol error: starts with "RXC2", want "RXC1"`:             at(good, 11, '2'),
		"M1: protocol error: versions 3 to 1":                             at(good, 13, 3),
		`M1: protocol error: key id "Ops-laptop" has 'O' in it`:           at(good, 57, 'O'),
		"M1: protocol error: key id is empty":                             m1{verMax: 1, serverID: "h"}.encode(),
		"M1: protocol error: server id is empty":                          m1{verMax: 1, keyID: "k"}.encode(),
		"M1: protocol error: payload of 66 bytes does not fit its fields": at(good, 56, 200),
		"has 65 bytes: want 1 to 64":                                      m1{verMax: 1, keyID: strings.Repeat("k", 65), serverID: "h"}.encode(),
	} {
		s := NewServer(katBinding(t), katConfig(t))
		_, err := s.M2(m1)
		require.ErrorIs(t, err, ErrProtocol, want)
		require.ErrorContains(t, err, want)
		_, answered := RefusalOf(err)
		require.False(t, answered, "malformed input gets no answer")
	}
}

func TestClientNamesWhatIsWrongWithM2(t *testing.T) {
	good := unhex(t, katM2)
	for want, m2 := range map[string][]byte{
		"M2: protocol error: got M1":                               at(good, 4, 1),
		`M2: protocol error: starts with "RXC1", want "RXS1"`:      at(good, 10, 'C'),
		"M2: protocol error: reserved field is 7, want 0":          at(good, 15, 7),
		"M2: protocol error: features 0x5 were not offered":        at(good, 55, 7),
		"M2: protocol error: the nonce is the client's own":        at(good, 16, unhex(t, strings.Repeat("11", 32))...),
		"M2: protocol error: header says 48 bytes, payload has 47": good[:55],
	} {
		cred := katCredentials(t)
		cred.Features = 2
		c, err := newClient(katBinding(t), cred, filled(0x11))
		require.NoError(t, err)
		c.M1()
		_, err = c.M3(m2)
		require.ErrorIs(t, err, ErrProtocol, want)
		require.ErrorContains(t, err, want)
	}
	for _, version := range []byte{0, 2, 99} {
		c, _ := katPair(t)
		c.M1()
		_, err := c.M3(at(good, 13, version))
		require.ErrorIs(t, err, ErrVersion)
	}
}

// M4's values are judged before its MAC, but even a key holder may not send
// others.
func TestM4OutOfRangeIsRefusedThoughProved(t *testing.T) {
	for want, change := range map[string]func(*Params){
		"max_frame 1023 is not within 1024 to 65536":     func(p *Params) { p.MaxFrame = 1023 },
		"max_frame 65537 is not within":                  func(p *Params) { p.MaxFrame = 65537 },
		"window 65535 is not within 65536 to 1048576":    func(p *Params) { p.Window = 65535 },
		"window 1048577 is not within":                   func(p *Params) { p.Window = 1048577 },
		"ping seconds 0 is not within 1 to 3600":         func(p *Params) { p.PingSeconds = 0 },
		"ping seconds 3601 is not within":                func(p *Params) { p.PingSeconds = 3601 },
		"ping count 0 is not within 1 to 10":             func(p *Params) { p.PingCount = 0 },
		"ping count 11 is not within":                    func(p *Params) { p.PingCount = 11 },
		"max_frame 4294967295 is not within 1024 to 655": func(p *Params) { p.MaxFrame = 1<<32 - 1 },
	} {
		c, s := katPair(t)
		m2, err := s.M2(c.M1())
		require.NoError(t, err)
		m3, err := c.M3(m2)
		require.NoError(t, err)
		_, err = s.Verify(m3)
		require.NoError(t, err)
		change(&s.cfg.Params)
		require.ErrorContains(t, s.cfg.Params.Validate(), want)
		_, err = c.Finish(s.M4())
		require.ErrorIs(t, err, ErrProtocol)
		require.ErrorContains(t, err, want)
	}
	for _, p := range []Params{
		DefaultParams(),
		{MaxFrame: 1024, Window: 65536, PingSeconds: 1, PingCount: 1},
		{MaxFrame: 65536, Window: 1048576, PingSeconds: 3600, PingCount: 10},
	} {
		require.NoError(t, p.Validate())
	}
}

func TestNoCommonVersionIsRefusedByName(t *testing.T) {
	good := unhex(t, katM1)
	for _, tc := range []struct {
		min, max uint16
		ok       bool
	}{{0, 0, false}, {2, 2, false}, {99, 99, false}, {2, 65535, false}, {0, 1, true}, {1, 1, true}, {1, 99, true}, {0, 65535, true}} {
		m1 := slices.Clone(good)
		binary.BigEndian.PutUint16(m1[12:], tc.min)
		binary.BigEndian.PutUint16(m1[14:], tc.max)
		m2, err := NewServer(katBinding(t), katConfig(t)).M2(m1)
		if tc.ok {
			require.NoError(t, err, "%v", tc)
			require.EqualValues(t, 1, binary.BigEndian.Uint16(m2[12:]))
			continue
		}
		require.ErrorIs(t, err, ErrVersion, "%v", tc)
		code, ok := RefusalOf(err)
		require.True(t, ok)
		require.Equal(t, RefusalVersion, code)
	}

	// A later version may lay out the rest in its own way and is still told.
	later := append(frame.Header{Length: 9, Type: frame.TypeM1}.Append(nil), "RXC1\x00\x02\x00\x03?"...)
	_, err := NewServer(katBinding(t), katConfig(t)).M2(later)
	require.ErrorIs(t, err, ErrVersion)
}

func TestRefusedFramesAreTheseBytesAndReachTheUser(t *testing.T) {
	for code, want := range map[Refusal][2]string{
		RefusalNotAdmitted: {"00000002050000000001", "not admitted"},
		RefusalVersion:     {"00000002050000000002", "no common protocol version"},
		RefusalBusy:        {"00000002050000000003", "busy"},
		77:                 {"0000000205000000004d", "code 77"},
	} {
		f := RefusedFrame(code)
		require.Equal(t, want[0], hex.EncodeToString(f))
		for _, inPlaceOf := range []int{2, 4} {
			c, s := katPair(t)
			m2, err := s.M2(c.M1())
			require.NoError(t, err)
			if inPlaceOf == 2 {
				_, err = c.M3(f)
			} else {
				_, err = c.M3(m2)
				require.NoError(t, err)
				_, err = c.Finish(f)
			}
			require.Equal(t, code, refusedCode(t, err))
			require.ErrorContains(t, err, want[1]+" (the answer is not authenticated)")
			require.NotErrorIs(t, err, ErrProtocol)
		}
	}
}

func TestMalformedRefusedIsAProtocolError(t *testing.T) {
	good := RefusedFrame(RefusalBusy)
	for _, f := range [][]byte{good[:9], append(slices.Clone(good), 0), at(good, 5, 1), at(good, 7, 1), at(good[:9], 3, 1)} {
		c, _ := katPair(t)
		c.M1()
		_, err := c.M3(f)
		require.ErrorIs(t, err, ErrProtocol)
	}
	// Nor may it come where nothing was asked.
	_, err := NewServer(katBinding(t), katConfig(t)).M2(good)
	require.ErrorIs(t, err, ErrProtocol)
}
