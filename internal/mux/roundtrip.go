package mux

import "time"

const (
	oldTrip = 30 * time.Second // for so long the least round trip holds without being seen again
	trials  = 2                // round trips of which the least takes its place: the first may still meet old data
)

// roundTrip knows the path's least round trip of late. Data that waits somewhere makes trips longer, so that a path that
// has become longer for good shows only when little is on its way: from time to time paced lanes are held at their least
// window for two trips, as in BBR's ProbeRTT (draft-ietf-ccwg-bbr, section 5.3.4).
type roundTrip struct {
	least  time.Duration // 0: not known
	at     time.Duration // when it was seen last, since Conn.epoch
	trials int           // trips still to come until the least is known anew; 0: it holds
	seen   time.Duration // least of the trials so far; 0: none
}

// saw takes note of a trip that ended now.
func (r *roundTrip) saw(trip, now time.Duration) {
	switch {
	case trip <= 0:
	case r.trials > 0:
		if r.seen == 0 || trip < r.seen {
			r.seen = trip
		}
		if r.trials--; r.trials == 0 {
			r.least, r.at, r.seen = r.seen, now, 0
		}
	case r.least == 0 || trip < r.least:
		r.least, r.at = trip, now
	case trip < r.least+r.least/4: // as good as seen again
		r.at = now
	}
}

// tried reports whether lanes must be held now, and begins with that when the least trip is old.
func (r *roundTrip) tried(now time.Duration) bool {
	if r.trials == 0 && now-r.at >= oldTrip {
		r.trials = trials
	}
	return r.trials > 0
}
