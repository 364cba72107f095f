//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// row is one comparison.
type row struct {
	what, how, unit string
	ours, theirs    float64
	lower           bool    // less is better
	aim             float64 // least ratio wanted, above 1 is better; 0: none
	below           float64 // most that ours may be; 0: any
}

// ratio is how many times better ours is.
func (r row) ratio() float64 {
	if r.lower {
		return r.theirs / r.ours
	}
	return r.ours / r.theirs
}

// verdict says whether the aim was met.
func (r row) verdict() string {
	met := func(ok bool, aim string) string {
		if ok {
			return aim + ": met"
		}
		return aim + ": missed"
	}
	switch {
	case r.aim > 0:
		return met(r.ratio() >= r.aim, fmt.Sprintf("at least %.2f", r.aim))
	case r.below > 0:
		return met(r.ours < r.below, fmt.Sprintf("below %.0f %s", r.below, r.unit))
	}
	return ""
}

type table struct{ rows []row }

func (t *table) add(r row) { t.rows = append(t.rows, r) }

// print writes the table under a line about where it was made.
func (t *table) print(w io.Writer, machine string) {
	fmt.Fprintln(w, machine)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "median of\trexec\tother\t\tother is\tbetter by\taim")
	for _, r := range t.rows {
		fmt.Fprintf(tw, "%s\t%.1f\t%.1f\t%s\t%s\t%.2f\t%s\n", r.what, r.ours, r.theirs, r.unit, r.how, r.ratio(), r.verdict())
	}
	_ = tw.Flush()
}

// median of an even number is the upper one of the middle two.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// machine is what a reader needs to know of where the numbers come from.
func machine(ctx context.Context) string {
	version, _ := exec.CommandContext(ctx, "ssh", "-V").CombinedOutput()
	load, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%s, %d cores, load %s, loopback; %s", runtime.GOARCH, runtime.NumCPU(), one, strings.TrimSpace(string(version)))
}
