package frame

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// PROTOCOL.md is what another client is written from. These tests hold it to the code, both ways: each number of the
// code stands there with its name, and the tables have no row that the code does not have.

// document is PROTOCOL.md: the cells of the tables, and the lines of the fences, under each heading.
type document struct {
	text   string
	prose  string // text with every white space one blank
	tables map[string][][]string
	fences map[string][]string
}

func readDocument(t *testing.T) document {
	t.Helper()
	b, err := os.ReadFile("../PROTOCOL.md")
	require.NoError(t, err)
	d := document{text: string(b), prose: strings.Join(strings.Fields(string(b)), " "), tables: map[string][][]string{}, fences: map[string][]string{}}
	under, fenced := "", false
	for line := range strings.Lines(d.text) {
		line = strings.TrimRight(line, "\r\n")
		switch heading, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced:
			d.fences[under] = append(d.fences[under], line)
		case is && strings.HasPrefix(line, "#"):
			under = heading
		case strings.HasPrefix(line, "|"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			if !strings.HasPrefix(cells[0], "---") {
				d.tables[under] = append(d.tables[under], cells)
			}
		}
	}
	require.False(t, fenced, "a fence is not closed")
	return d
}

// rows gives the table under a heading without its head.
func (d document) rows(t *testing.T, heading string) [][]string {
	t.Helper()
	require.NotEmpty(t, d.tables[heading], "no table under %q", heading)
	return d.tables[heading][1:]
}

// has wants exactly these rows under a heading, compared in their first cells.
func (d document) has(t *testing.T, heading string, want [][]string) {
	t.Helper()
	var got [][]string
	for _, row := range d.rows(t, heading) {
		require.GreaterOrEqual(t, len(row), len(want[0]), "%q: row %q", heading, row)
		got = append(got, row[:len(want[0])])
	}
	assert.Equal(t, want, got, "the table under %q is not what the code says", heading)
}

// constant is a typed one as the source has it.
type constant struct {
	name  string
	value string
}

// constants reads the constants of a package, without its tests, or of one file from the source, by type and in order,
// so that a new one cannot be forgotten here. Each must have its value on its line.
func constants(t *testing.T, from string) map[string][]constant {
	t.Helper()
	files := []string{from}
	if !strings.HasSuffix(from, ".go") {
		var err error
		files, err = filepath.Glob(filepath.Join(from, "*.go"))
		require.NoError(t, err)
		files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	}
	found := map[string][]constant{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.CONST {
				continue
			}
			for _, spec := range gen.Specs {
				spec := spec.(*ast.ValueSpec)
				typ := ""
				if id, ok := spec.Type.(*ast.Ident); ok {
					typ = id.Name
				}
				for i, id := range spec.Names {
					require.Less(t, i, len(spec.Values), "%s: %s has no value of its own", name, id.Name)
					if lit, ok := spec.Values[i].(*ast.BasicLit); ok {
						found[typ] = append(found[typ], constant{id.Name, lit.Value})
					}
				}
			}
		}
	}
	return found
}

func (c constant) number(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(c.value, 0, 64)
	require.NoError(t, err, c.name)
	return n
}

// snake is how the document spells a Go name: NoStdin no_stdin, OS os, XPix xpix.
func snake(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower {
			b.WriteByte('_')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func TestProtocolDocHasEveryNumber(t *testing.T) {
	d := readDocument(t)
	ours, proofs := constants(t, "."), constants(t, "../hmacauth")
	for _, c := range []struct {
		heading string
		typ     string
		among   map[string][]constant
		name    func(constant) string
	}{
		{"Codes of RESET and GOAWAY", "Code", ours, func(c constant) string { return snake(strings.TrimPrefix(c.name, "Code")) }},
		{"CANCEL", "CancelReason", ours, func(c constant) string { return snake(strings.TrimPrefix(c.name, "Cancel")) }},
		{"on_lost", "OnLost", ours, func(c constant) string { return snake(strings.TrimPrefix(c.name, "OnLost")) }},
		{"Containment", "Containment", ours, func(c constant) string { return Containment(c.number(t)).String() }},
		{"Kinds of VERDICT", "Kind", ours, func(c constant) string { return Kind(c.number(t)).String() }},
		{"Held", "Held", ours, func(c constant) string { return snake(strings.TrimPrefix(c.name, "Held")) }},
	} {
		var want [][]string
		for _, k := range c.among[c.typ] {
			want = append(want, []string{strconv.FormatUint(k.number(t), 10), c.name(k)})
		}
		require.NotEmpty(t, want, c.typ)
		d.has(t, c.heading, want)
	}

	var refusals [][]string
	for _, k := range proofs["Refusal"] {
		refusals = append(refusals, []string{k.value, snake(strings.TrimPrefix(k.name, "Refusal"))})
	}
	require.Len(t, refusals, 3)
	require.GreaterOrEqual(t, len(d.rows(t, "Handshake")), 3)
	for i, row := range refusals {
		assert.Equal(t, row, d.rows(t, "Handshake")[i][:2])
	}
}

func TestProtocolDocHasEveryType(t *testing.T) {
	var want [][]string
	for _, k := range constants(t, ".")["Type"] {
		if k.name == "Skippable" {
			continue
		}
		typ := Type(k.number(t))
		stream, lane := "s", "0"
		if typ.OnConnection() {
			stream = "0"
		}
		if typ.OnLane() {
			lane = "1..3"
		}
		least, most := typ.sizes()
		length := strconv.Itoa(int(least))
		if least != most {
			length = fmt.Sprintf("%d..%d", least, most)
		}
		want = append(want, []string{k.value, typ.String(), stream, lane, length})
	}
	require.Len(t, want, len(typeNames))
	d := readDocument(t)
	var got [][]string
	for _, row := range d.rows(t, "Frame types") {
		require.Len(t, row, 7, row)
		got = append(got, []string{row[0], row[1], row[3], row[4], row[5]})
	}
	assert.Equal(t, want, got)
	assert.Equal(t, Type(0x80), Skippable)
	assert.Contains(t, d.prose, "an unknown type below 0x80")
}

func TestProtocolDocHasEveryCBORKey(t *testing.T) {
	d := readDocument(t)
	for heading, m := range map[string]any{
		"START": Start{}, "Terminal": Terminal{}, "System": System{}, "Size": Size{}, "STARTED": Started{}, "VERDICT": Verdict{},
		"ATTACH": Attach{}, "START of kind tcp": Dial{}, "STARTED of kind tcp": Connected{},
	} {
		var want [][]string
		for f := range reflect.TypeOf(m).Fields() {
			key, options, _ := strings.Cut(f.Tag.Get("cbor"), ",")
			presence := "always"
			if strings.HasSuffix(options, ",omitempty") {
				presence = ""
			}
			want = append(want, []string{key, snake(f.Name), wireType(t, f.Type), presence})
		}
		d.has(t, heading, want)
	}
	assert.Contains(t, d.prose, fmt.Sprintf("refuses an unknown key below %d", skippableKey))
	assert.Contains(t, d.prose, fmt.Sprintf("more than %d levels of maps and arrays (the message's own counted), %d elements of an array, %d pairs of a map",
		maxNesting, maxElements, maxPairs))
	assert.Contains(t, d.prose, fmt.Sprintf("Times in milliseconds are at most %d, in microseconds at most %d", maxMillis, maxMicros))
	assert.Contains(t, d.prose, fmt.Sprintf("0: none; %d: for ever", LingerForever))
}

// wireType is the document's word for a field's type.
func wireType(t *testing.T, typ reflect.Type) string {
	t.Helper()
	switch typ.Kind() {
	case reflect.Pointer:
		return wireType(t, typ.Elem())
	case reflect.Bool:
		return "bool"
	case reflect.Uint8:
		return "u8"
	case reflect.Uint16:
		return "u16"
	case reflect.Uint32:
		return "u32"
	case reflect.Uint64:
		return "u64"
	case reflect.Int64:
		return "i64"
	case reflect.String:
		return "bytes"
	case reflect.Struct:
		return "map"
	case reflect.Map:
		return "map " + wireType(t, typ.Key()) + ":" + wireType(t, typ.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%s x %d]", wireType(t, typ.Elem()), typ.Len())
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[" + wireType(t, typ.Elem()) + "]"
	}
	require.Fail(t, "no word for "+typ.String())
	return ""
}

func TestProtocolDocHasTheLimits(t *testing.T) {
	d := readDocument(t)
	d.has(t, "Limits", [][]string{
		{"header", strconv.Itoa(HeaderSize)},
		{"payload of M1 to M4 and REFUSED", strconv.Itoa(MaxUnproved)},
		{"payload of DATA, whatever max_frame", strconv.Itoa(MaxMaxFrame)},
		{"payload of any other frame", strconv.Itoa(MaxMessage)},
		{"OPEN and START together behind M3", strconv.Itoa(MaxStartBehindM3)},
		{"kind of a stream", strconv.Itoa(MaxKind)},
		{"name of a signal", strconv.Itoa(maxSignal)},
		{"text of RESET and GOAWAY", strconv.Itoa(MaxText)},
		{"most a lane's limit may be beyond what was consumed", strconv.Itoa(MaxCredit)},
	})
	m4 := d.rows(t, "Handshake")[4:]
	require.Len(t, m4, 4)
	assert.Equal(t, []string{"max_frame", strconv.Itoa(MinMaxFrame), strconv.Itoa(MaxMaxFrame)}, m4[0][:3])
	assert.Equal(t, []string{"window", strconv.Itoa(MinWindow), strconv.Itoa(MaxWindow)}, m4[1][:3])
}

func TestProtocolDocHasTheKindsOfStream(t *testing.T) {
	var kinds []string
	for _, row := range readDocument(t).rows(t, "Streams") {
		kinds = append(kinds, row[0])
	}
	assert.Equal(t, []string{KindExec, KindTCP, KindListen}, kinds)
}

// The known answers and labels of hmacauth are those that the document gives to others.
func TestProtocolDocHasTheProofs(t *testing.T) {
	d := readDocument(t)
	labels := 0
	for _, c := range constants(t, "../hmacauth")[""] {
		if text, err := strconv.Unquote(c.value); err == nil && strings.HasPrefix(text, "rexec/1 ") {
			assert.Contains(t, d.text, strconv.Quote(text), c.name)
			labels++
		}
	}
	assert.Equal(t, 8, labels)

	known := map[string]string{}
	for _, c := range constants(t, "../hmacauth/kat_test.go")[""] {
		known[c.name], _ = strconv.Unquote(c.value)
	}
	var want []string
	for _, line := range [][2]string{
		{"secret", known["katSecret"]}, {"E", known["katE"]}, {"C", known["katC"]}, {"PRK", known["katPRK"]},
		{"K_c", known["katKc"]}, {"K_s", known["katKs"]}, {"M1", known["katM1"]}, {"M2", known["katM2"]},
		{"TH0", known["katTH0"]}, {"mac_c", known["katMacC"]}, {"M3", "0000002003000000" + known["katMacC"]},
		{"M4_without_mac", known["katM4WithoutMac"]}, {"TH1", known["katTH1"]}, {"mac_s", known["katMacS"]},
	} {
		require.Greater(t, len(line[1]), 16, line[0])
		want = append(want, fmt.Sprintf("%-16s %s", line[0], line[1]))
	}
	shown := d.fences["Handshake"]
	require.Greater(t, len(shown), len(want))
	assert.Equal(t, want, shown[len(shown)-len(want):])
	assert.Contains(t, d.prose, "Master 00 01 .. 1f and server id `lab-07` give `"+known["katLabHost"]+"`")
}

func TestProtocolDocHasTheTokensKeys(t *testing.T) {
	words := map[string]string{"uint64": "uint", "string": "text", "[]byte": "bytes"}
	file, err := parser.ParseFile(token.NewFileSet(), "../hmacauth/token.go", nil, 0)
	require.NoError(t, err)
	var want [][]string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == "tokenMap" {
			for _, f := range spec.Type.(*ast.StructType).Fields.List {
				tag, err := strconv.Unquote(f.Tag.Value)
				assert.NoError(t, err)
				key, _, _ := strings.Cut(reflect.StructTag(tag).Get("cbor"), ",")
				// KeyID and the like: the last capitals are one word.
				name := strings.ReplaceAll(f.Names[0].Name, "ID", "Id")
				want = append(want, []string{key, snake(name), words[types.ExprString(f.Type)]})
			}
		}
		return true
	})
	require.Len(t, want, 6)
	readDocument(t).has(t, "Token", want)
}

func TestProtocolDocHasTokensThatHoldTheirMaps(t *testing.T) {
	lines := readDocument(t).fences["Token"]
	require.Len(t, lines, 4)
	for i, line := range lines[:2] {
		name, text, _ := strings.Cut(line, "   ")
		payload, ok := strings.CutPrefix(strings.TrimSpace(text), "rxt1_")
		require.True(t, ok, name)
		b, err := base64.RawURLEncoding.Strict().DecodeString(payload)
		require.NoError(t, err, name)
		m := b[:len(b)-4]
		sum := sha256.Sum256(m)
		assert.True(t, bytes.Equal(sum[:4], b[len(m):]), name)
		otherName, want, _ := strings.Cut(lines[2+i], "   ")
		assert.Equal(t, name, otherName)
		assert.Equal(t, strings.TrimSpace(want), hex.EncodeToString(m))
	}
}

// The examples are the golden bytes of the tests, which encode to them and decode from them.
func TestProtocolDocShowsTheGoldenBytes(t *testing.T) {
	var shown []string
	for _, line := range readDocument(t).fences["Examples"] {
		shown = append(shown, strings.Join(strings.Fields(strings.TrimLeft(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")), ""))
	}
	var golden []string
	for _, g := range []string{
		goldenOpen, goldenAccept, goldenEnding, goldenCredit, goldenEOF, goldenAway, goldenResize, goldenSignal, goldenCancel,
		goldenStart, goldenShell, goldenSubsystem, goldenSystems, goldenWords, goldenStarted, goldenVerdict, goldenExited, goldenAttach, goldenDial,
		goldenConnected,
	} {
		golden = append(golden, hex.EncodeToString(unhex(t, g)))
	}
	assert.Equal(t, golden, shown)
}

// Every link within the document leads to a heading.
func TestProtocolDocLinksLeadSomewhere(t *testing.T) {
	d := readDocument(t)
	anchors := map[string]bool{}
	for line := range strings.Lines(d.text) {
		if strings.HasPrefix(line, "#") {
			name := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			anchors[strings.ReplaceAll(name, " ", "-")] = true
		}
	}
	links := 0
	for rest := d.text; ; links++ {
		_, after, found := strings.Cut(rest, "](#")
		if !found {
			break
		}
		anchor, tail, _ := strings.Cut(after, ")")
		assert.True(t, anchors[anchor], "no heading for #%s", anchor)
		rest = tail
	}
	assert.Positive(t, links)
}
