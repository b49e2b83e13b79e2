package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	// answerWithin is how long a scheduler may take to begin a run. One that
	// takes over from a killed one needs less than half of that.
	answerWithin = time.Minute

	// failingFor is how long a snapshot must have an error before that counts: the
	// snapshot controller tries again, and drivers report errors while they work.
	failingFor = 30 * time.Second
)

// runSeen is what is known of a requested run.
type runSeen struct {
	asked     time.Time
	backup    inventory.Backup
	snapshots []snapshots.Snapshot // of the run

	run     *v1alpha1.RunStatus  // as the status last had it: later runs take its place
	told    map[string]string    // the last printed state, by snapshot
	failing map[string]time.Time // since when it fails, by snapshot
}

// news updates the state, and returns a line for each volume with news.
func (r *runSeen) news(now time.Time) (lines []string) {
	if r.told == nil {
		r.told, r.failing = map[string]string{}, map[string]time.Time{}
	}
	if last := r.backup.Status.LastRun; last != nil && last.ScheduledTime.Time.Equal(r.asked) {
		r.run = last
	}
	slices.SortFunc(r.snapshots, func(a, b snapshots.Snapshot) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range r.snapshots {
		state := stateOf(s)
		if s.Failure == "" || s.Ready {
			delete(r.failing, s.Name)
		} else if _, ok := r.failing[s.Name]; !ok {
			r.failing[s.Name] = now
		}
		if r.told[s.Name] != state {
			r.told[s.Name] = state
			lines = append(lines, fmt.Sprintf("%4ds  %s: %s", int(now.Sub(r.asked).Seconds()), s.SourcePVC, state))
		}
	}
	return lines
}

func stateOf(s snapshots.Snapshot) string {
	switch {
	case s.Deleting:
		return "given up, its claim is being deleted"
	case s.Ready:
		return "ready"
	case s.Failure != "":
		return "failed, and is tried again: " + s.Failure
	case !s.Cut.IsZero():
		return "cut"
	}
	return "created"
}

// answered reports whether a scheduler has made the requested run or a later one.
func (r *runSeen) answered() bool {
	t := r.backup.Status.LastRunNow
	return t != nil && !t.Time.Before(r.asked)
}

func (r *runSeen) ready() (n int) {
	for _, s := range r.snapshots {
		if s.Ready && !s.Deleting {
			n++
		}
	}
	return n
}

// verdict reports whether the run is over, and returns what went wrong.
func (r *runSeen) verdict(now time.Time) (over bool, err error) {
	if !r.answered() {
		if len(r.snapshots) == 0 && now.Sub(r.asked) >= answerWithin {
			return true, r.unanswered(now)
		}
		return false, nil
	}
	for _, s := range r.snapshots {
		since, failing := r.failing[s.Name]
		if !s.Ready && !s.Deleting && !(failing && now.Sub(since) >= failingFor) {
			return false, nil
		}
	}
	return true, r.failure()
}

// failure returns what the run lacks; nil if it is complete.
func (r *runSeen) failure() error {
	var why []string
	for _, s := range r.snapshots {
		if !s.Ready || s.Deleting {
			why = append(why, s.SourcePVC+": "+stateOf(s))
		}
	}
	volumes := len(r.snapshots)
	if r.run != nil {
		volumes = max(volumes, int(r.run.Volumes))
		if n := r.run.Skipped; n > 0 {
			why = append(why, fmt.Sprintf("%d not snapshotted at all", n))
		}
		if c := r.backup.NotReady(); r.run.Failed > 0 && c != nil {
			why = append(why, c.Message)
		} else if r.run.Failed > 0 {
			why = append(why, fmt.Sprintf("%d could not be created: see the Events of the %s", r.run.Failed, r.backup.Kind()))
		}
	}
	switch ready := r.ready(); {
	case volumes == 0:
		return fmt.Errorf("the run of %s took no snapshot: it found no volume to take one of", r.asked.Format(time.RFC3339))
	case len(why) > 0:
		return fmt.Errorf("%d of %d volumes have a ready snapshot of the run of %s: %s", ready, volumes, r.asked.Format(time.RFC3339), strings.Join(why, "; "))
	}
	return nil
}

// unanswered returns the error that no scheduler has begun the run.
func (r *runSeen) unanswered(now time.Time) error {
	why := "is the scheduler of Snapback running, and does it lead (kubectl get pods,lease -A | grep snapback)?"
	if c := r.backup.NotReady(); c != nil {
		why = c.Message
	}
	return fmt.Errorf("no scheduler has begun the run within %s; it is made as soon as one can, for a day: %s", now.Sub(r.asked).Truncate(time.Second), why)
}

// timedOut returns the error that says what the run still waits for.
func (r *runSeen) timedOut(now time.Time) error {
	if !r.answered() && len(r.snapshots) == 0 {
		return r.unanswered(now)
	}
	err := r.failure()
	if err == nil {
		err = errors.New("the scheduler has not ended the run")
		if c := r.backup.NotReady(); c != nil {
			err = errors.New(c.Message)
		}
	}
	return fmt.Errorf("not finished in time, the run goes on: %w", err)
}

// absent returns, for each volume without a snapshot of the run, the likely reason.
func absent(volumes []inventory.Volume, b snapshots.Backup, taken []snapshots.Snapshot) (why []string) {
	for _, v := range volumes {
		if v.Cluster != b.Cluster || b.Excludes(v.Role) || len(v.Claims) == 0 ||
			slices.ContainsFunc(taken, func(s snapshots.Snapshot) bool { return s.Volume == v.Hash() }) {
			continue
		}
		claim := v.Claims[0]
		switch unfinished := slices.IndexFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return !s.Ready && !s.Deleting }); {
		case claim.DeletionTimestamp != nil:
			why = append(why, "claim "+claim.Name+" is being deleted")
		case claim.Status.Phase != corev1.ClaimBound:
			why = append(why, fmt.Sprintf("claim %s is %s, not Bound", claim.Name, cmp.Or(claim.Status.Phase, corev1.ClaimPending)))
		case unfinished >= 0:
			why = append(why, fmt.Sprintf("claim %s: VolumeSnapshot %s is not ready yet", claim.Name, v.Snapshots[unfinished].Name))
		}
	}
	return why
}
