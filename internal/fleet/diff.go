package fleet

import "slices"

// Bounds of what is compared line by line; what is larger or more different is shown whole.
const (
	diffBytes = 256 << 10
	diffEdits = 300
)

// hunk is a place where b differs from a: the lines a[from:to] stand there in place of which b has b[at:upTo].
type hunk struct{ from, to, at, upTo int }

// diff finds the fewest lines to take out of a and put in to make it b, by Myers' greedy algorithm ("An O(ND) Difference
// Algorithm and Its Variations", 1986). ok is false if it takes more than diffEdits.
func diff(a, b []string) (hunks []hunk, ok bool) {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	trace, ok := search(a[start:endA], b[start:endB])
	if !ok {
		return nil, false
	}
	return backtrack(trace, start, endA-start, endB-start), true
}

// search gives, for each number of edits, how far each diagonal got with one edit fewer.
func search(a, b []string) (trace [][]int, ok bool) {
	n, m := len(a), len(b)
	most := min(n+m, diffEdits)
	v := make([]int, 2*most+3) // of diagonal k at k+most+1
	at := func(k int) int { return k + most + 1 }
	for d := 0; d <= most; d++ {
		// The diagonals that d-1 edits reached, and a border.
		trace = append(trace, slices.Clone(v[at(-d)-1:at(d)+2]))
		for k := -d; k <= d; k += 2 {
			x := v[at(k-1)] + 1
			if k == -d || k != d && v[at(k-1)] < v[at(k+1)] {
				x = v[at(k+1)]
			}
			y := x - k
			for x < n && y < m && a[x] == b[y] {
				x++
				y++
			}
			v[at(k)] = x
			if x >= n && y >= m {
				return trace, true
			}
		}
	}
	return nil, false
}

// backtrack reads the edits off the trace, from the end, and joins neighbours.
func backtrack(trace [][]int, offset, x, y int) []hunk {
	var hunks []hunk
	for d := len(trace) - 1; d > 0; d-- {
		v := func(k int) int { return trace[d][k+d+1] }
		k := x - y
		down := k == -d || k != d && v(k-1) < v(k+1) // a line of b was put in
		prevK := k - 1
		if down {
			prevK = k + 1
		}
		prevX := v(prevK)
		prevY := prevX - prevK
		h := hunk{prevX + offset, prevX + offset, prevY + offset, prevY + offset}
		if down {
			h.upTo++
		} else {
			h.to++
		}
		if n := len(hunks); n > 0 && h.to == hunks[n-1].from && h.upTo == hunks[n-1].at {
			hunks[n-1].from, hunks[n-1].at = h.from, h.at
		} else {
			hunks = append(hunks, h)
		}
		x, y = prevX, prevY
	}
	slices.Reverse(hunks)
	return hunks
}
