// Package strictoml reads TOML (toml.io, 1.0) by asking for names one by one,
// and says by row and column, in plain words, what is wrong with a file: bad
// syntax, a name nobody asked for, a value of the wrong kind.
//
// What the values mean is the caller's business; it reports what it dislikes
// through Table.Fail, so that those lines have a place in the file too. No
// error repeats a value, which may be a secret.
package strictoml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Doc is a parsed file. Ask its tables for everything that may be in it, then
// call Err, once.
type Doc struct {
	Root *Table // the names before the first header

	file     string
	data     []byte
	places   func() places   // found when the first is asked for
	failed   map[string]bool // paths with a problem
	problems []Problem
}

// Parse reads a whole document. file is what errors call it. A syntax error,
// or a name given twice, is a Problems with one element.
func Parse(file string, data []byte) (*Doc, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Windows' editors put it there
	doc := &Doc{file: file, data: data, failed: map[string]bool{}}
	values := map[string]any{}
	if err := toml.Unmarshal(data, &values); err != nil {
		p := Problem{File: file, Row: 1, Column: 1, Text: err.Error()}
		var bad *toml.DecodeError
		if errors.As(err, &bad) {
			p.Row, p.Column = bad.Position()
		}
		p.Text = strings.TrimPrefix(p.Text, "toml: ")
		return nil, Problems{p}
	}
	doc.places = sync.OnceValue(func() places { return locate(data) })
	doc.Root = &Table{doc: doc, values: values, known: map[string]bool{}}
	return doc, nil
}

// Err returns all that was wrong, in the order of the file, as Problems; nil
// if nothing was. Every name that was not asked for by then is wrong.
func (d *Doc) Err() error {
	d.Root.refuseUnknown()
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		if a.Row != b.Row {
			return a.Row - b.Row
		}
		return a.Column - b.Column
	})
	return Problems(d.problems)
}

// Table is the names and values of one table. Every method that reads a name
// returns the zero value where the name is absent or of the wrong kind; the
// latter is noted for Err.
type Table struct {
	doc    *Doc
	path   string // see places
	values map[string]any
	known  map[string]bool // asked for
	inside []*Table        // handed out by Tables
}

// Has reports whether the name is there.
func (t *Table) Has(name string) bool { _, ok := t.values[name]; return ok }

// Row is the row, from 1, of the table's header; of an inline table, that of
// the name before it.
func (t *Table) Row() int {
	row, _ := position(t.doc.data, t.doc.places().offset(t.path))
	return row
}

// Fail notes what is wrong with the value of a name, or with the table as a
// whole if name is "". The line begins with the name, in quotes. Of several
// notes on the same value the first stays: the others follow from it.
func (t *Table) Fail(name string, err error) {
	path, text := t.path, err.Error()
	if name != "" {
		path, text = join(t.path, name), fmt.Sprintf("%.64q %s", name, text)
	}
	if t.doc.failed[path] {
		return
	}
	t.doc.failed[path] = true
	row, column := position(t.doc.data, t.doc.places().offset(path))
	t.doc.problems = append(t.doc.problems, Problem{File: t.doc.file, Row: row, Column: column, Text: text})
}

// Text reads a string.
func (t *Table) Text(name string) string { return read[string](t, name, "text in quotes") }

// Bool reads true or false.
func (t *Table) Bool(name string) bool { return read[bool](t, name, "true or false") }

// Int reads a whole number.
func (t *Table) Int(name string) int64 { return read[int64](t, name, "a whole number") }

// Time reads a date and time with its time zone; others are ambiguous and
// refused.
func (t *Table) Time(name string) time.Time {
	return read[time.Time](t, name, "a date, time and time zone without quotes, as 2027-01-31T00:00:00Z")
}

// Duration reads text such as "90s" or "8h30m", as time.ParseDuration does.
func (t *Table) Duration(name string) time.Duration {
	const want = `a duration in quotes, as "90s" or "8h30m"`
	text := read[string](t, name, want)
	if text == "" && !t.Has(name) {
		return 0
	}
	if _, isText := t.values[name].(string); !isText {
		return 0 // noted already
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fail(name, errors.New("is not "+want))
	}
	return d
}

// Texts reads a list of strings. An empty list and an absent one are nil.
func (t *Table) Texts(name string) []string {
	const want = `a list of texts, as ["a", "b"]`
	var texts []string
	for _, v := range read[[]any](t, name, want) {
		text, ok := v.(string)
		if !ok {
			t.Fail(name, fmt.Errorf("has %s in it, want %s", kind(v), want))
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

// Names returns all names in the table in the order of the file: of a table whose names people choose.
func (t *Table) Names() []string {
	names := make([]string, 0, len(t.values))
	for name := range t.values {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		order := t.doc.places().offset(join(t.path, a)) - t.doc.places().offset(join(t.path, b))
		return cmp.Or(order, cmp.Compare(a, b))
	})
	return names
}

// Table reads what a [name] header makes. One that is absent is empty.
func (t *Table) Table(name string) *Table {
	inside := &Table{
		doc: t.doc, path: join(t.path, name), values: read[map[string]any](t, name, "a table, under a line ["+name+"]"),
		known: map[string]bool{},
	}
	t.inside = append(t.inside, inside)
	return inside
}

// Tables reads what [[name]] headers make, in the order of the file.
func (t *Table) Tables(name string) []*Table {
	want := "tables, each under a line [[" + name + "]]"
	var tables []*Table
	for i, v := range read[[]any](t, name, want) {
		values, ok := v.(map[string]any)
		if !ok {
			t.Fail(name, fmt.Errorf("has %s in it, want %s", kind(v), want))
			return nil
		}
		tables = append(tables, &Table{
			doc: t.doc, path: element(join(t.path, name), i), values: values, known: map[string]bool{},
		})
	}
	t.inside = append(t.inside, tables...)
	return tables
}

func read[T any](t *Table, name, want string) (value T) {
	t.known[name] = true
	v, ok := t.values[name]
	if !ok {
		return value
	}
	value, ok = v.(T)
	if !ok {
		t.Fail(name, fmt.Errorf("is %s, want %s", kind(v), want))
	}
	return value
}

func (t *Table) refuseUnknown() {
	for name := range t.values {
		if !t.known[name] {
			known := slices.Sorted(maps.Keys(t.known))
			t.Fail(name, errors.New("is not known here, want one of "+strings.Join(known, " ")))
		}
	}
	for _, in := range t.inside {
		in.refuseUnknown()
	}
}

// kind names what go-toml made of a value.
func kind(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case time.Time:
		return "a date and time"
	case toml.LocalDateTime:
		return "a date and time without a time zone"
	case toml.LocalDate:
		return "a date without a time"
	case toml.LocalTime:
		return "a time without a date"
	case []any:
		return "a list"
	}
	return "a table"
}
