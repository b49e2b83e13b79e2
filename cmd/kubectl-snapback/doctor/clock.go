package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// skewed is the difference between two clocks that is reported. It matters since
// a person gives restore-before by one clock, and the storage's clock decides.
const skewed = 30 * time.Second

// clock compares the local clock with the Date of the apiserver's answers.
type clock struct {
	mu      sync.Mutex
	took    time.Duration // how long the quickest answer so far took
	ahead   time.Duration // how far the apiserver's clock is ahead of ours
	watched bool
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// watch is a wrapper for [rest.Config.Wrap] that reads the Date of each answer.
func (c *clock) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		start := time.Now()
		answer, err := next.RoundTrip(r)
		if err == nil {
			c.see(answer.Header.Get("Date"), start, time.Now())
		}
		return answer, err
	})
}

// see takes in the Date of an answer, in whole seconds. start and end are our
// times of the request and the answer.
func (c *clock) see(date string, start, end time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if took := end.Sub(start); !c.watched || took < c.took {
		c.ahead, c.took, c.watched = at.Add(time.Second/2).Sub(start.Add(took/2)), took, true
	}
}

// offset returns how far the apiserver's clock is ahead of ours; false if that is
// not known.
func (c *clock) offset() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead, c.watched
}

func checkClock(_ context.Context, e *examination) ([]Finding, error) {
	ahead, known := e.clock.offset()
	return []Finding{judgeClock(ahead, known)}, nil
}

func judgeClock(ahead time.Duration, known bool) Finding {
	switch {
	case !known:
		return skipped("", "the apiserver does not say what time it is")
	case ahead.Abs() > skewed:
		return warning("", fmt.Sprintf("the apiserver's clock is %s %s this machine's: a time that you give, such as restore-before, means another moment there",
			ahead.Abs().Round(time.Second), direction(ahead)), "set both clocks by NTP")
	}
	return ok("", "the apiserver's clock and this machine's agree")
}

func direction(d time.Duration) string {
	if d < 0 {
		return "behind"
	}
	return "ahead of"
}

// cut holds when a snapshot was asked for, by the apiserver's clock, and when it
// was cut, by the storage's clock.
type cut struct {
	driver     string
	asked, cut time.Time
}

func checkStorageClock(_ context.Context, e *examination) ([]Finding, error) {
	var cuts []cut
	for _, v := range e.inventory.Volumes {
		for _, s := range v.Snapshots {
			o := v.Objects[s.Name]
			if s.Cut.IsZero() || o == nil || o.Spec.Source.PersistentVolumeClaimName == nil { // not cut, or imported
				continue
			}
			cuts = append(cuts, cut{s.Driver, o.CreationTimestamp.Time, s.Cut})
		}
	}
	return judgeStorageClock(cuts, e.now()), nil
}

// judgeStorageClock compares the clocks of the storage and the apiserver. Proof is
// a snapshot that was cut before it was asked for, or in the future. Otherwise a
// clock that is ahead looks like a storage that starts snapshots late.
func judgeStorageClock(cuts []cut, now time.Time) []Finding {
	least, most := map[string]time.Duration{}, map[string]time.Duration{} // time from the request to the cut, by driver
	future := map[string]time.Duration{}
	for _, c := range cuts {
		d := c.cut.Sub(c.asked)
		if _, seen := least[c.driver]; !seen {
			least[c.driver], most[c.driver] = d, d
		}
		least[c.driver], most[c.driver] = min(least[c.driver], d), max(most[c.driver], d)
		future[c.driver] = max(future[c.driver], c.cut.Sub(now))
	}
	var findings []Finding
	for _, driver := range slices.SortedFunc(maps.Keys(least), cmp.Compare) {
		var text string
		switch {
		case least[driver] < -skewed:
			text = fmt.Sprintf("the storage's clock is %s behind the apiserver's", (-least[driver]).Round(time.Second))
		case future[driver] > skewed:
			text = fmt.Sprintf("the storage's clock is %s ahead of the apiserver's", future[driver].Round(time.Second))
		case least[driver] > skewed:
			text = fmt.Sprintf("every snapshot is cut %s or more after it is asked for: the storage is slow, or its clock is ahead", least[driver].Round(time.Second))
		default:
			findings = append(findings, ok("driver "+driver, "the storage's clock and the apiserver's agree"))
			continue
		}
		findings = append(findings, warning("driver "+driver, text+": restore-before is compared with the storage's clock", "set the storage's clock by NTP, or give restore-before in its time"))
	}
	return unless(findings, skipped("", "there is no snapshot to compare the storage's clock with"))
}
