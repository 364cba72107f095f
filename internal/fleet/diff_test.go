package fleet

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// apply makes b of a as the hunks say.
func apply(a, b []string, hunks []hunk) []string {
	made := []string{}
	from := 0
	for _, h := range hunks {
		made = append(append(made, a[from:h.from]...), b[h.at:h.upTo]...)
		from = h.to
	}
	return append(made, a[from:]...)
}

// fewest is the number of edits by the textbook's table.
func fewest(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before := row[0]
		row[0] = i + 1
		for j := range b {
			diagonal := before
			before = row[j+1]
			if a[i] == b[j] {
				row[j+1] = diagonal
			} else {
				row[j+1] = 1 + min(row[j], row[j+1])
			}
		}
	}
	return row[len(b)]
}

func TestADiffMakesOneOfTheOtherWithTheFewestEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 30)
		a, b := lines.Draw(t, "a"), lines.Draw(t, "b")
		hunks, ok := diff(a, b)
		require.True(t, ok)
		require.Equal(t, append([]string{}, b...), apply(a, b, hunks))
		require.Equal(t, fewest(a, b), edits(hunks))
		for i, h := range hunks {
			require.True(t, h.from < h.to || h.at < h.upTo, "an empty hunk")
			require.True(t, i == 0 || hunks[i-1].to < h.from && hunks[i-1].upTo < h.at, "neighbours are one")
		}
	})
}

func TestADiffOfTheSameIsEmptyAndOneTooLargeIsNone(t *testing.T) {
	var a, b []string
	for i := range 2 * diffEdits {
		a, b = append(a, fmt.Sprint("a", i)), append(b, fmt.Sprint("b", i))
	}
	hunks, ok := diff(a, slices.Clone(a))
	assert.True(t, ok)
	assert.Empty(t, hunks)
	_, ok = diff(a, b)
	assert.False(t, ok)
	hunks, ok = diff(a, append(slices.Clone(a[:100]), a[101:]...))
	assert.True(t, ok)
	assert.Equal(t, []hunk{{100, 101, 100, 100}}, hunks)
}
