package strictoml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// thing is what the tests read out of a document.
type thing struct {
	name  string
	on    bool
	n     int64
	until time.Time
	wait  time.Duration
	list  []string
}

func readThings(data string) (title string, things []thing, err error) {
	doc, err := Parse("f", []byte(data))
	if err != nil {
		return "", nil, err
	}
	title = doc.Root.Text("title")
	for _, t := range doc.Root.Tables("thing") {
		one := thing{
			t.Text("name"), t.Bool("on"), t.Int("n"), t.Time("until"), t.Duration("wait"), t.Texts("list"),
		}
		things = append(things, one)
		if one.n < 0 {
			t.Fail("n", errors.New("is negative"))
			t.Fail("n", errors.New("is negative, which follows and is not said again"))
		}
		if !t.Has("name") {
			t.Fail("", errors.New("a thing without a name"))
		}
	}
	return title, things, doc.Err()
}

func TestEveryKindIsRead(t *testing.T) {
	title, things, err := readThings(`title = "x"
[[thing]]
name = "a"
on = true
n = 3
until = 2027-01-31T00:00:00Z
wait = "1h30m"
list = ["p", 'q"']
[[thing]]
name = '''b'''
`)
	require.NoError(t, err)
	assert.Equal(t, "x", title)
	assert.Equal(t, []thing{
		{"a", true, 3, time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), 90 * time.Minute, []string{"p", `q"`}},
		{name: "b"},
	}, things)

	_, things, err = readThings("")
	require.NoError(t, err)
	assert.Empty(t, things)
}

func TestWhatIsWrongIsSaidByPlaceAndInPlainWords(t *testing.T) {
	const known = "want one of list n name on until wait"
	for data, want := range map[string]string{
		"titel = 1":                             `f:1:1: "titel" is not known here, want one of thing title`,
		"title = 1":                             `f:1:1: "title" is a whole number, want text in quotes`,
		"\n\n[[thing]]\nname=\"a\"\n  naem = 2": `f:5:3: "naem" is not known here, ` + known,
		"[[thing]]\nname=\"a\"\n[[thing]]\nname='b'\nName='c'": `f:5:1: "Name" is not known here, ` + known,
		"[thing]\nname = 'a'":                                      `f:1:2: "thing" is a table, want tables, each under a line [[thing]]`,
		"thing = [1]":                                              `f:1:1: "thing" has a whole number in it, want tables, each under a line [[thing]]`,
		"[[thing]]\nname = ['a']":                                  `f:2:1: "name" is a list, want text in quotes`,
		"[[thing]]\nname='a'\non = 'yes'":                          `f:3:1: "on" is text, want true or false`,
		"[[thing]]\nname='a'\nn = 1.5":                             `f:3:1: "n" is a number, want a whole number`,
		"[[thing]]\nname='a'\nn = -1":                              `f:3:1: "n" is negative`,
		"[[thing]]\nname='a'\nlist = 'x'":                          `f:3:1: "list" is text, want a list of texts, as ["a", "b"]`,
		"[[thing]]\nname='a'\nlist = ['x', true]":                  `f:3:1: "list" has true or false in it, want a list of texts, as ["a", "b"]`,
		"[[thing]]\nname='a'\nwait = 5":                            `f:3:1: "wait" is a whole number, want a duration in quotes, as "90s" or "8h30m"`,
		"[[thing]]\nname='a'\nwait = '5 minutes'":                  `f:3:1: "wait" is not a duration in quotes, as "90s" or "8h30m"`,
		"[[thing]]\nname='a'\nwait = ''":                           `f:3:1: "wait" is not a duration in quotes, as "90s" or "8h30m"`,
		"[[thing]]\nname='a'\nuntil = 2027-01-31T00:00:00":         `f:3:1: "until" is a date and time without a time zone, want a date, time and time zone without quotes, as 2027-01-31T00:00:00Z`,
		"[[thing]]\nname='a'\nuntil = 2027-01-31":                  `f:3:1: "until" is a date without a time, want a date, time and time zone without quotes, as 2027-01-31T00:00:00Z`,
		"[[thing]]\nname='a'\nuntil = 10:00:00":                    `f:3:1: "until" is a time without a date, want a date, time and time zone without quotes, as 2027-01-31T00:00:00Z`,
		"[[thing]]\nname='a'\nuntil = '2027-01-31T00:00:00Z'":      `f:3:1: "until" is text, want a date, time and time zone without quotes, as 2027-01-31T00:00:00Z`,
		"[[thing]]\nname='a'\n[[thing]]\non = true":                "f:3:3: a thing without a name",
		"thing = [{name = 'a', x = 1}]":                            `f:1:1: "x" is not known here, ` + known,
		"[[thing]]\nname='a'\n[thing.sub]\ny = 1":                  `f:3:2: "sub" is not known here, ` + known,
		"[[thing]]\nname='a'\n[[thing.sub]]\ny = 1\n[[thing]]\nz=": "f:6:2: expected value, not end of input",
		"[[thing]]\nname='a'\n[[thing.list]]\n[[thing]]\nname=1": "f:3:3: \"list\" has a table in it, want a list of texts, as [\"a\", \"b\"]\n" +
			`f:5:1: "name" is a whole number, want text in quotes`,
		"a = 1\nb = 2\ntitle = 3": `f:1:1: "a" is not known here, want one of thing title` + "\n" +
			`f:2:1: "b" is not known here, want one of thing title` + "\n" +
			`f:3:1: "title" is a whole number, want text in quotes`,
		`"a\u001b\n\u202e" = 1`: `f:1:1: "a\x1b\n\u202e" is not known here, want one of thing title`,
	} {
		_, _, err := readThings(data)
		assert.EqualError(t, err, want, data)
	}
}

func TestSyntaxErrorsHaveAPlaceAndNoGoWords(t *testing.T) {
	for _, data := range []string{
		"x", "x =", "x = 'a", "[x", "[[x]", "x = 1\nx = 2", "[x]\n[x]", "x = \"\\q\"", "x = 2027-13-01", "\xff = 1",
		"x = [1,", "x = {a = 1", "x = 99999999999999999999", "x = 1 y = 2", "a.b = 1\na = 2", "x = \"a\x00\"",
	} {
		_, err := Parse("f", []byte(data))
		var problems Problems
		require.ErrorAs(t, err, &problems, data)
		require.Len(t, problems, 1)
		assert.GreaterOrEqual(t, problems[0].Row, 1)
		assert.GreaterOrEqual(t, problems[0].Column, 1)
		for _, word := range []string{"toml:", "strictoml", "interface", "map[", "struct"} {
			assert.NotContains(t, err.Error(), word, data)
		}
		assert.NotContains(t, err.Error(), "\n", data)
	}
}

func TestNoErrorRepeatsAValue(t *testing.T) {
	const secret = "OPENSESAME"
	for _, format := range []string{
		"title = ['%s']", "titel = '%s'", "title = '%s", "title = '%s' x", "[[thing]]\nn = '%s'", "[[thing]]\nwait = '%s'",
		"[[thing]]\non = '%s'\nlist = '%[1]s'\nuntil = '%[1]s'", "title = %s", "title = '%s'\ntitle = '%[1]s'",
	} {
		_, _, err := readThings(fmt.Sprintf(format, secret))
		require.Error(t, err, format)
		assert.NotContains(t, err.Error(), secret, format)
	}
}

func TestTableKnowsItsRow(t *testing.T) {
	doc, err := Parse("f", []byte("# x\n[[a]]\nn = 1\n\n  [[a]]\n[[b]]\n"))
	require.NoError(t, err)
	var rows []int
	for _, table := range doc.Root.Tables("a") {
		rows = append(rows, table.Row())
	}
	assert.Equal(t, []int{2, 5}, rows)

	doc, err = Parse("f", []byte("\na = [{n = 1},\n{n = 2}]"))
	require.NoError(t, err)
	assert.Equal(t, 2, doc.Root.Tables("a")[1].Row())
}

func TestManyProblemsAreCutShort(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "x%d = 1\n", i)
	}
	_, _, err := readThings(b.String())
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 21)
	assert.Equal(t, "f: and 80 more", lines[20])
	assert.True(t, strings.HasPrefix(lines[19], `f:20:1: "x19" is`), "in the order of the file")
}

func TestQuotedTextIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		var got struct{ One, List []string }
		data := "List = " + QuoteList(want) + "\n"
		if len(want) > 0 {
			data += "One = [" + Quote(want[0]) + "]\n"
		}
		require.NoError(t, toml.Unmarshal([]byte(data), &got))
		require.Equal(t, len(want), len(got.List))
		for i := range want {
			require.Equal(t, want[i], got.List[i])
		}
	})
}

func FuzzParseNeverPanicsAndPlacesAreInside(f *testing.F) {
	f.Add("title = 'a'\n[[thing]]\nname = 'b'\n[thing.x]\ny.z = [1, {a = 2}]\n[[thing.x.w]]\n")
	f.Add("[a]\n[[a.b]]\n[a.b.c]\nd = 1\n[[a.b]]\n'e f'.\"g\" = 2")
	f.Fuzz(func(t *testing.T, data string) {
		_, _, err := readThings(data)
		var problems Problems
		if err == nil {
			return
		}
		require.ErrorAs(t, err, &problems)
		rows := strings.Count(data, "\n") + 1
		for _, p := range problems {
			require.True(t, p.Row >= 1 && p.Row <= rows, "%d of %d rows", p.Row, rows)
			require.True(t, p.Column >= 1 && p.Column <= len(data)+1)
			require.NotContains(t, p.Text, "\n")
		}
	})
}

func TestTableWithNamesThatPeopleChose(t *testing.T) {
	doc, err := Parse("f", []byte("[groups]\nzoo = 'z'\n\"a.b\" = 'x'\nn = 1\n"))
	require.NoError(t, err)
	groups := doc.Root.Table("groups")
	assert.Equal(t, []string{"zoo", "a.b", "n"}, groups.Names())
	assert.Equal(t, "x", groups.Text("a.b"))
	assert.Empty(t, groups.Text("n"))
	assert.Empty(t, doc.Root.Table("none").Names())
	require.EqualError(t, doc.Err(), `f:2:1: "zoo" is not known here, want one of a.b n
f:4:1: "n" is a whole number, want text in quotes`)

	doc, err = Parse("f", []byte("groups = 3"))
	require.NoError(t, err)
	assert.Empty(t, doc.Root.Table("groups").Names())
	require.EqualError(t, doc.Err(), `f:1:1: "groups" is a whole number, want a table, under a line [groups]`)
}
