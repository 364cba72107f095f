package hmacauth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func fullToken(t testing.TB) Token {
	return Token{
		Kind:     TokenHost,
		KeyID:    katKeyID,
		Secret:   katSecretValue(t),
		ServerID: katServerID,
		Pin:      unhex(t, katC),
		Address:  "lab-07.example:7522",
	}
}

// requireSameToken compares by what the line says, which is everything.
func requireSameToken(t require.TestingT, want, got Token) {
	require.Equal(t, want.Encode(), got.Encode())
	require.True(t, want.Secret.Equal(got.Secret))
	want.Secret, got.Secret = Secret{}, Secret{}
	require.Equal(t, want, got)
}

func genID() *rapid.Generator[string] { return rapid.StringMatching(`[a-z0-9._@-]{1,64}`) }

func genToken() *rapid.Generator[Token] {
	return rapid.Custom(func(t *rapid.T) Token {
		tok := Token{
			Kind:   rapid.SampledFrom([]TokenKind{TokenHost, TokenLab}).Draw(t, "kind"),
			KeyID:  genID().Draw(t, "key id"),
			Secret: NewSecret(),
		}
		if tok.Kind == TokenHost || rapid.Bool().Draw(t, "has server") {
			tok.ServerID = genID().Draw(t, "server id")
		}
		if rapid.Bool().Draw(t, "has pin") {
			tok.Pin = rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "pin")
		}
		if rapid.Bool().Draw(t, "has address") {
			tok.Address = rapid.StringMatching(`[a-z0-9.\[\]:-]{1,80}`).Draw(t, "address")
		}
		return tok
	})
}

func TestTokenEncodeAndParseAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genToken().Draw(t, "token")
		require.NoError(t, want.Validate())
		got, err := ParseToken(want.Encode())
		require.NoError(t, err)
		requireSameToken(t, want, got)
	})
}

// The layout by hand: RFC 8949 core deterministic map, then four bytes of its
// SHA-256.
func TestTokenIsThisExactLine(t *testing.T) {
	b := unhex(t, "a6"+
		"0101"+
		"026a"+hex.EncodeToString([]byte(katKeyID))+
		"035820"+katSecret+
		"0466"+hex.EncodeToString([]byte(katServerID))+
		"055820"+katC+
		"0673"+hex.EncodeToString([]byte("lab-07.example:7522")))
	sum := sha256.Sum256(b)
	require.Equal(t, "rxt1_"+base64.RawURLEncoding.EncodeToString(append(b, sum[:4]...)), fullToken(t).Encode())

	least := Token{Kind: TokenLab, KeyID: "k", Secret: katSecretValue(t)}
	require.Equal(t, sealed(unhex(t, "a301020261"+"6b"+"035820"+katSecret)), least.Encode(), "what is absent has no key")
}

func TestLongestTokenIsWithinTheLimit(t *testing.T) {
	tok := fullToken(t)
	tok.KeyID, tok.ServerID = strings.Repeat("k", 64), strings.Repeat("s", 64)
	tok.Address = strings.Repeat("a", maxAddress)
	line := tok.Encode()
	require.LessOrEqual(t, len(line), 700)
	got, err := ParseToken(line)
	require.NoError(t, err)
	requireSameToken(t, tok, got)
}

func TestWhiteSpaceAroundATokenIsIgnored(t *testing.T) {
	want := fullToken(t)
	for _, around := range [][2]string{{" ", ""}, {"", "\n"}, {"", "\r\n"}, {"\n\n\t ", " \n\n"}, {"\ufeff", "\r\n"}, {"\u00a0", "\u3000"}} {
		got, err := ParseToken(around[0] + want.Encode() + around[1])
		require.NoError(t, err, "%q", around)
		requireSameToken(t, want, got)
	}
}

// requireTypo: refused, called a typo, told what to do, and nothing quoted.
func requireTypo(t require.TestingT, text, payload string) {
	_, err := ParseToken(text)
	require.Error(t, err, "%q", text)
	require.Contains(t, err.Error(), "typo", "%q", text)
	require.Contains(t, err.Error(), copyWhole)
	requireNothingQuoted(t, err, payload)
}

func requireNothingQuoted(t require.TestingT, err error, payload string) {
	for i := 0; i+6 <= len(payload); i++ {
		if strings.Contains(err.Error(), payload[i:i+6]) {
			require.Fail(t, "error quotes the token", err.Error())
		}
	}
}

func TestEveryChangedCharacterIsNamedATypo(t *testing.T) {
	line := fullToken(t).Encode()
	payload := line[len(tokenPrefix):]
	for i := range line {
		for c := byte('!'); c <= '~'; c++ {
			if c != line[i] {
				requireTypo(t, line[:i]+string(rune(c))+line[i+1:], payload)
			}
		}
		requireTypo(t, line[:i]+"系"+line[i+1:], payload)
		requireTypo(t, line[:i]+line[i+1:], payload)
		if i > 0 {
			requireTypo(t, line[:i]+"x"+line[i:], payload)
			requireTypo(t, line[:i], payload)
		}
		if i > 0 && line[i-1] != line[i] {
			requireTypo(t, line[:i-1]+line[i:i+1]+line[i-1:i]+line[i+1:], payload)
		}
	}
}

func TestAnyTokenWithATypoIsNamedSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := genToken().Draw(t, "token").Encode()
		i := rapid.IntRange(0, len(line)-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("ABCXYZabcxyz0189-_")).Draw(t, "character")
		if c != line[i] {
			requireTypo(t, line[:i]+string(rune(c))+line[i+1:], line[len(tokenPrefix):])
		}
	})
}

func TestWhatWasPastedInsteadIsNamed(t *testing.T) {
	line := fullToken(t).Encode()
	other := Token{Kind: TokenLab, KeyID: "lab", Secret: NewSecret()}.Encode()
	pem := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n"
	for _, tc := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", errTokenEmpty},
		{"white space", " \r\n\t\ufeff ", errTokenEmpty},
		{"two lines", line + "\n" + other + "\n", errTokenTwo},
		{"two words", line + " " + other, errTokenTwo},
		{"two in a row", line + other, errTokenTwo},
		{"wrapped", line[:80] + "\n" + line[80:], errTokenLines},
		{"wrapped with CRLF", line[:80] + "\r\n" + line[80:160] + "\r\n" + line[160:], errTokenLines},
		{"a space in it", line[:80] + " " + line[80:], errTokenLines},
		{"a comment behind", line + " # for bob", errTokenLines},
		{"a label before", "token: " + line, errTokenBefore},
		{"a label line before", "key ops-laptop added\n" + line, errTokenBefore},
		{"quotes", `"` + line + `"`, errTokenBefore},
		{"a secret alone", katSecretValue(t).Reveal(), errTokenPrefix},
		{"without the prefix", line[5:], errTokenPrefix},
		{"upper case", strings.ToUpper(line), errTokenPrefix},
		{"next version", "rxt2_" + line[5:], errTokenVersion},
		{"far version", "rxt10_" + line[5:], errTokenVersion},
		{"prefix alone", "rxt1_", errTokenBroken},
		{"padding", line + "==", errTokenBroken},
		{"a quote behind", line + `"`, errTokenBroken},
		{"an open end", line[:70] + "...", errTokenBroken},
		{"private key", pem, errTokenPEM},
		{"certificate behind a comment", "Bag Attributes\n-----BEGIN CERTIFICATE-----\n", errTokenPEM},
		{"SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@box", errTokenSSH},
		{"SSH key", "ecdsa-sha2-nistp256 AAAAE2VjZHNh me@box", errTokenSSH},
		{"a ring file", "[[key]]\nid = \"admin\"\nsecret = \"...\"\n", errTokenFile},
		{"a program", "\x7fELF\x02\x01\x01\x00\x00", errTokenFile},
		{"GBK text", "\xd6\xd0\xb9\xfa", errTokenFile},
		{"a megabyte", "rxt1_" + strings.Repeat("A", 1<<20), errTokenLong},
	} {
		_, err := ParseToken(tc.text)
		require.ErrorIs(t, err, tc.want, tc.name)
		require.Regexp(t, `^the token (is|has|does not) [ -~]+: [ -~]+$`, err.Error(), tc.name)
		requireNothingQuoted(t, err, line[5:])
	}
}

// sealed makes a token of any bytes: its checksum is right.
func sealed(b []byte) string {
	sum := sha256.Sum256(b)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(bytes.Clone(b), sum[:tokenChecksum]...))
}

func sealedMap(t testing.TB, m map[any]any) string {
	b, err := cbor.Marshal(m)
	require.NoError(t, err)
	return sealed(b)
}

// fields is a good host token's map, changed.
func fields(t testing.TB, change map[any]any) map[any]any {
	m := map[any]any{1: 1, 2: "k", 3: unhex(t, katSecret), 4: "h"}
	for k, v := range change {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return m
}

func TestUnknownFieldsFrom64AreIgnoredBelowRefused(t *testing.T) {
	want := Token{Kind: TokenHost, KeyID: "k", Secret: katSecretValue(t), ServerID: "h"}
	for _, key := range []uint64{64, 65, 255, 1 << 40} {
		got, err := ParseToken(sealedMap(t, fields(t, map[any]any{key: []any{"later", 1}})))
		require.NoError(t, err, "field %d", key)
		requireSameToken(t, want, got)
	}
	for _, key := range []uint64{0, 7, 8, 63} {
		_, err := ParseToken(sealedMap(t, fields(t, map[any]any{key: 1})))
		require.ErrorIs(t, err, errTokenNewer, "field %d", key)
	}
	for _, kind := range []uint64{3, 4, 255, 256, 257, 1 << 40} {
		_, err := ParseToken(sealedMap(t, fields(t, map[any]any{1: kind})))
		require.ErrorIs(t, err, errTokenNewer, "kind %d", kind)
	}
}

func TestUndamagedButInvalidTokensAreRefused(t *testing.T) {
	good := fields(t, nil)
	_, err := ParseToken(sealedMap(t, good))
	require.NoError(t, err, "what the cases below change is good")

	deep := bytes.Repeat([]byte{0x81}, 1000)
	for name, line := range map[string]string{
		"no kind":                sealedMap(t, fields(t, map[any]any{1: nil})),
		"kind 0":                 sealedMap(t, fields(t, map[any]any{1: 0})),
		"kind -1":                sealedMap(t, fields(t, map[any]any{1: -1})),
		"kind in words":          sealedMap(t, fields(t, map[any]any{1: "host"})),
		"no key id":              sealedMap(t, fields(t, map[any]any{2: nil})),
		"bad key id":             sealedMap(t, fields(t, map[any]any{2: "K"})),
		"key id of bytes":        sealedMap(t, fields(t, map[any]any{2: []byte("k")})),
		"no secret":              sealedMap(t, fields(t, map[any]any{3: nil})),
		"short secret":           sealedMap(t, fields(t, map[any]any{3: make([]byte, 31)})),
		"zero secret":            sealedMap(t, fields(t, map[any]any{3: make([]byte, 32)})),
		"secret of text":         sealedMap(t, fields(t, map[any]any{3: strings.Repeat("x", 32)})),
		"secret of numbers":      sealedMap(t, fields(t, map[any]any{3: make([]int, 32)})),
		"host without server id": sealedMap(t, fields(t, map[any]any{4: nil})),
		"bad server id":          sealedMap(t, fields(t, map[any]any{4: "a b"})),
		"bad lab server id":      sealedMap(t, fields(t, map[any]any{1: 2, 4: "a b"})),
		"short pin":              sealedMap(t, fields(t, map[any]any{5: make([]byte, 20)})),
		"null pin":               sealed(append([]byte{0xa5}, append(mapBody(t, good), 0x05, 0xf6)...)),
		"address with newline":   sealedMap(t, fields(t, map[any]any{6: "a\nb"})),
		"address with bidi":      sealedMap(t, fields(t, map[any]any{6: "a\u202eb"})),
		"address not UTF-8":      sealed(append([]byte{0xa5}, append(mapBody(t, good), 0x06, 0x61, 0xff)...)),
		"long address":           sealedMap(t, fields(t, map[any]any{6: strings.Repeat("a", maxAddress+1)})),
		"text key":               sealedMap(t, fields(t, map[any]any{"x": 1})),
		"negative key":           sealedMap(t, fields(t, map[any]any{-1: 1})),
		"same key twice":         sealed(append([]byte{0xa5}, append(mapBody(t, good), 0x01, 0x01)...)),
		"same late key twice":    sealed(append([]byte{0xa6}, append(mapBody(t, good), 0x18, 64, 1, 0x18, 64, 1)...)),
		"indefinite map":         sealed(append(append([]byte{0xbf}, mapBody(t, good)...), 0xff)),
		"bytes behind the map":   sealed(append(append([]byte{0xa4}, mapBody(t, good)...), 0)),
		"tagged":                 sealed(append([]byte{0xd9, 0xd9, 0xf7, 0xa4}, mapBody(t, good)...)),
		"a deep array":           sealed(append([]byte{0xa5}, append(append(mapBody(t, good), 0x18, 64), deep...)...)),
		"no map":                 sealed([]byte{0x01}),
		"no bytes":               sealed(nil),
		"a huge map":             sealed([]byte{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
	} {
		_, err := ParseToken(line)
		require.Error(t, err, name)
		require.Regexp(t, `^the token is undamaged but not valid: [ -~]+; make a new one with "rexecd key add"$`, err.Error(), name)
		requireNothingQuoted(t, err, line[5:])
	}
}

// mapBody is m's CBOR without the head byte.
func mapBody(t testing.TB, m map[any]any) []byte {
	b, err := cbor.Marshal(m)
	require.NoError(t, err)
	return b[1:]
}

func TestValidateTokenNamesTheField(t *testing.T) {
	for want, change := range map[string]func(*Token){
		"token kind 0 is neither":           func(tok *Token) { tok.Kind = 0 },
		`key id "A"`:                        func(tok *Token) { tok.KeyID = "A" },
		"no secret":                         func(tok *Token) { tok.Secret = Secret{} },
		"server id is empty":                func(tok *Token) { tok.ServerID = "" },
		"pin has 31 bytes, want 32 or none": func(tok *Token) { tok.Pin = tok.Pin[1:] },
		`address "a b" has a space`:         func(tok *Token) { tok.Address = "a b" },
	} {
		tok := fullToken(t)
		require.NoError(t, tok.Validate())
		change(&tok)
		require.ErrorContains(t, tok.Validate(), want)
		_, err := ParseToken(tok.Encode())
		require.Error(t, err, "parsing refuses what Validate refuses: %s", want)
	}
}

func TestHostTokenIsForItsServerOnly(t *testing.T) {
	tok := fullToken(t)
	for _, id := range []string{"", katServerID} {
		c, err := tok.Credentials(id)
		require.NoError(t, err)
		require.Equal(t, []string{katKeyID, katServerID}, []string{c.KeyID, c.ServerID})
		require.True(t, c.Secret.Equal(tok.Secret))
	}
	_, err := tok.Credentials("lab-08")
	require.EqualError(t, err, `key "ops-laptop" is for "lab-07", not for "lab-08"`)
}

func TestLabTokenNeverSendsItsMaster(t *testing.T) {
	tok := Token{Kind: TokenLab, KeyID: "lab", Secret: katSecretValue(t)}
	c, err := tok.Credentials("lab-07")
	require.NoError(t, err)
	require.Equal(t, katLabHost, hex.EncodeToString(c.Secret.bytes()[:]))

	_, err = tok.Credentials("")
	require.ErrorContains(t, err, "needs the server id")
	_, err = tok.Credentials("Lab 7")
	require.ErrorContains(t, err, `server id "Lab 7"`)

	// A daemon holds only what was derived for it; another host's is no good.
	cfg := ServerConfig{ServerIDs: []string{"lab-07"}, Lookup: ring{"lab": {tok.Secret.ForHost("lab-07"), {}}}.lookup}
	o := converse(mustClient(t, katBinding(t), c), NewServer(katBinding(t), cfg), nil)
	require.True(t, o.proved)
	stolen := Credentials{KeyID: "lab", ServerID: "lab-07", Secret: tok.Secret.ForHost("lab-08")}
	o = converse(mustClient(t, katBinding(t), stolen), NewServer(katBinding(t), cfg), nil)
	require.ErrorIs(t, o.serverErr, ErrBadProof)
}
