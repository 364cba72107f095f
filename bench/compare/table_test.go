//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMedianIsTheMiddleAndLeavesItsInputAlone(t *testing.T) {
	values := []float64{9, 1, 5}
	assert.InDelta(t, 5, median(values), 0)
	assert.Equal(t, []float64{9, 1, 5}, values)
	assert.InDelta(t, 9, median([]float64{1, 9}), 0, "of two, the upper")
	assert.Zero(t, median(nil))
}

func TestRatioAboveOneIsBetterWhateverTheUnit(t *testing.T) {
	assert.InDelta(t, 2, row{ours: 5, theirs: 10, lower: true}.ratio(), 0)
	assert.InDelta(t, 2, row{ours: 10, theirs: 5}.ratio(), 0)
}

func TestVerdictComparesWithTheAim(t *testing.T) {
	assert.Equal(t, "at least 1.25: met", row{ours: 5, theirs: 4, aim: 1.25}.verdict())
	assert.Equal(t, "at least 1.25: missed", row{ours: 4.9, theirs: 4, aim: 1.25}.verdict())
	assert.Equal(t, "at least 1.00: met", row{ours: 4, theirs: 4, lower: true, aim: 1}.verdict())
	assert.Equal(t, "below 200 KB: met", row{ours: 199, theirs: 4, unit: "KB", lower: true, below: 200}.verdict())
	assert.Equal(t, "below 200 KB: missed", row{ours: 200, theirs: 4, unit: "KB", lower: true, below: 200}.verdict())
	assert.Empty(t, row{ours: 1, theirs: 2}.verdict())
}

func TestTableHasALineForEachComparison(t *testing.T) {
	var tab table
	tab.add(row{what: "cold true", how: "ssh cold", unit: "ms", ours: 8, theirs: 40, lower: true})
	var b strings.Builder
	tab.print(&b, "somewhere")
	lines := strings.Split(b.String(), "\n")
	assert.Equal(t, "somewhere", lines[0])
	assert.Equal(t, []string{"cold", "true", "8.0", "40.0", "ms", "ssh", "cold", "5.00"}, strings.Fields(lines[2]))
}

func TestIdleAsksForNoCommandAndForWords(t *testing.T) {
	client := []string{"rexec", "-l", "u", "box"}
	assert.Equal(t, []string{"rexec", "-l", "u", "-v", "-N", "box"}, idle(client))
	assert.Equal(t, []string{"rexec", "-l", "u", "box", "true"}, command(client, "true"))
	assert.Equal(t, []string{"rexec", "-l", "u", "box"}, client)
}
