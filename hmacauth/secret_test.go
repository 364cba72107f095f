package hmacauth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var formats = func() (all []string) {
	for _, flags := range []string{"", "+", "#", "% ", " ", "0", "64", "-64", "1.1"} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspwZ" {
			all = append(all, "%"+strings.TrimPrefix(flags, "%")+string(verb))
		}
	}
	return all
}()

// leaks reports in which form out shows four bytes of b in a row, "" for none.
func leaks(out string, b []byte) string {
	b = b[9:13]
	for _, f := range formats {
		if strings.ContainsAny(f, "Tp") {
			continue // type and address
		}
		shown := strings.Trim(strings.TrimPrefix(fmt.Sprintf(f, b), "[]byte"), "[]{} \t")
		if len(shown) >= 7 && strings.Contains(out, shown) {
			return fmt.Sprintf("%s: %s", f, shown)
		}
	}
	if strings.Contains(out, base64.StdEncoding.EncodeToString(b[:3])) { // 9 is a multiple of 3
		return "base64"
	}
	if strings.Contains(out, string(b)) {
		return "raw"
	}
	return ""
}

type holder struct {
	Shown   Secret
	hidden  Secret
	Ptr     *Secret
	hidptr  *Secret
	List    []Secret
	hidden2 map[string]Secret
	hidany  any
}

// printables is everything of this package that holds the secret s.
func printables(t testing.TB, s Secret) map[string]any {
	h := holder{s, s, &s, &s, []Secret{s}, map[string]Secret{"k": s}, s}
	tok := Token{Kind: TokenHost, KeyID: "k", Secret: s, ServerID: "h"}
	cred := Credentials{KeyID: "k", ServerID: "h", Secret: s}
	cfg := ServerConfig{ServerIDs: []string{"h"}, Lookup: ring{"k": {s, s}}.lookup, Boot: s}
	c, v := mustClient(t, katBinding(t), cred), NewServer(katBinding(t), cfg)
	m2, err := v.M2(c.M1())
	require.NoError(t, err)
	m3, err := c.M3(m2)
	require.NoError(t, err)
	_, err = v.Verify(m3)
	require.NoError(t, err)
	return map[string]any{
		"secret": s, "pointer": &s, "slice": []Secret{s}, "map": map[string]Secret{"k": s},
		"holder": h, "holder pointer": &h, "nested": struct{ h holder }{h}, "any": []any{s, &s},
		"token": tok, "token pointer": &tok, "credentials": cred, "config": cfg,
		"client": c, "client value": *c, "server": v, "server value": *v,
	}
}

// sink takes what testify would print about a failed assertion.
type sink struct{ strings.Builder }

func (s *sink) Errorf(format string, args ...any) { fmt.Fprintf(s, format, args...) }

// printers write a value in every way that a program is likely to.
var printers = map[string]func(v any) string{
	"fmt": func(v any) string {
		var out strings.Builder
		for _, f := range formats {
			fmt.Fprintf(&out, f+"\n", v)
		}
		fmt.Fprintln(&out, v)
		return out.String() + fmt.Sprint(v) + fmt.Errorf("%w %v", errors.New("x"), v).Error()
	},
	"json": func(v any) string {
		var out bytes.Buffer
		_ = json.NewEncoder(&out).Encode(v) // functions have no JSON: what was written before it counts
		return out.String()
	},
	"gob": func(v any) string {
		var out bytes.Buffer
		_ = gob.NewEncoder(&out).Encode(v)
		return out.String()
	},
	"logrus text": func(v any) string { return logged(&logrus.TextFormatter{}, v) },
	"logrus json": func(v any) string {
		if _, err := json.Marshal(v); err != nil {
			return err.Error() // a function in it: logrus would say the same, on stderr
		}
		return logged(&logrus.JSONFormatter{}, v)
	},
	"slog": func(v any) string {
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		return out.String()
	},
	"testify diff": func(v any) string {
		var out sink
		assert.Equal(&out, holder{}, v)
		assert.Equal(&out, v, Token{})
		assert.Nil(&out, v)
		assert.Contains(&out, []any{v}, 1)
		assert.ElementsMatch(&out, []any{v}, []any{1})
		return out.String()
	},
}

func logged(f logrus.Formatter, v any) string {
	var out bytes.Buffer
	log := logrus.New()
	log.Out, log.Formatter = &out, f
	log.WithField("v", v).WithFields(logrus.Fields{"all": []any{v}}).Info("x")
	return out.String()
}

func TestSecretNeverPrintsItself(t *testing.T) {
	s := wrap(sha256.Sum256([]byte("bytes that no address or date looks like")))
	for what, v := range printables(t, s) {
		for how, print := range printers {
			out := print(v)
			require.Empty(t, leaks(out, s.bytes()[:]), "%s by %s", what, how)
			k := deriveKeys(s)
			require.Empty(t, leaks(out, k.client[:]), "K_c: %s by %s", what, how)
			require.Empty(t, leaks(out, k.server[:]), "K_s: %s by %s", what, how)
		}
	}
}

// The test above would see a leak: plain bytes in the same places are found.
func TestPlainBytesWouldBeSeen(t *testing.T) {
	b := sha256.Sum256([]byte("bytes that no address or date looks like"))
	for how, v := range map[string]any{
		"fmt": struct{ b [32]byte }{b}, "json": b[:], "gob": b[:], "logrus text": struct{ b [32]byte }{b},
		"logrus json": b[:], "slog": struct{ b [32]byte }{b}, "testify diff": struct{ b *[32]byte }{&b},
	} {
		require.NotEmpty(t, leaks(printers[how](v), b[:]), how)
	}
	require.Len(t, printers, 7)
}

func TestSecretPrintsAsRedacted(t *testing.T) {
	s := NewSecret()
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%64v"} {
		require.Equal(t, "[secret]", fmt.Sprintf(f, s), f)
		require.Equal(t, "[secret]", fmt.Sprintf(f, &s), f)
	}
	require.Equal(t, "[secret] [secret]", s.String()+" "+s.GoString())
	b, err := json.Marshal(map[string]any{"a": s, "b": &s})
	require.NoError(t, err)
	require.JSONEq(t, `{"a":"[secret]","b":"[secret]"}`, string(b))
	b, err = s.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "[secret]", string(b))
	require.Equal(t, "[secret]", fmt.Sprint(Secret{}), "nor does it tell whether it is none")
}

func TestRevealAndParseAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 32, 32).Filter(func(b []byte) bool { return !bytes.Equal(b, make([]byte, 32)) }).Draw(t, "bytes")
		s, err := SecretFromBytes(b)
		require.NoError(t, err)
		again, err := ParseSecret(s.Reveal())
		require.NoError(t, err)
		require.True(t, s.Equal(again))
		require.Equal(t, b, again.bytes()[:])
		b[0]++
		require.NotEqual(t, b, s.bytes()[:], "the bytes are copied")
	})
}

func TestParseSecretRefusesAllElseWithoutQuotingIt(t *testing.T) {
	good := katSecretValue(t).Reveal()
	for name, text := range map[string]string{
		"empty":       "",
		"short":       good[:42],
		"long":        good + "A",
		"padded":      good + "=",
		"stray bits":  good[:42] + "9",
		"line break":  good[:20] + "\n" + good[21:],
		"std base64":  "+" + good[1:],
		"white space": " " + good[1:],
		"zero":        strings.Repeat("A", 43),
	} {
		s, err := ParseSecret(text)
		require.Error(t, err, name)
		require.True(t, s.IsZero(), name)
		if len(text) > 20 {
			require.NotContains(t, err.Error(), text[5:15], name)
		}
	}
	require.Equal(t, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", good)
}

func TestSecretFromBytesWantsExactly32(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		_, err := SecretFromBytes(bytes.Repeat([]byte{1}, n))
		require.ErrorContains(t, err, fmt.Sprintf("%d bytes, want 32", n))
	}
	_, err := SecretFromBytes(make([]byte, 32))
	require.ErrorContains(t, err, "all zero")
}

func TestEqualAndZero(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	require.False(t, a.Equal(b), "two draws differ")
	require.True(t, a.Equal(a))
	require.False(t, a.Equal(Secret{}))
	require.False(t, Secret{}.Equal(a))
	require.True(t, Secret{}.Equal(Secret{}))
	require.True(t, Secret{}.IsZero())
	require.False(t, a.IsZero())
	require.Empty(t, Secret{}.Reveal())
	for bit := range 256 {
		x := *a.bytes()
		flip(x[:], bit)
		require.False(t, a.Equal(wrap(x)), "bit %d", bit)
	}
}

func TestForHostGivesEachHostItsOwn(t *testing.T) {
	master := katSecretValue(t)
	seen := map[string]string{master.Reveal(): "the master"}
	for i := range 100 {
		host := fmt.Sprintf("lab-%02d", i)
		r := master.ForHost(host).Reveal()
		require.Empty(t, seen[r], host)
		seen[r] = host
	}
	require.True(t, master.ForHost("a").Equal(katSecretValue(t).ForHost("a")))
	require.Equal(t, katLabHost, hex.EncodeToString(master.ForHost("lab-07").bytes()[:]))
	require.True(t, Secret{}.ForHost("lab-07").IsZero(), "of nothing comes nothing that could admit")
}
