package screen

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots"
)

// Claim is the page of a broker volume's claim, also of one that is lost.
type Claim struct {
	Key      inventory.ClusterKey
	Name     string
	Where    string   // which volume it is of
	State    string   // its phase, or that it is gone
	Verdict  []string // what a claim of the volume that is created now would get
	Asked    string   // why the webhook was not asked; empty: it was
	From     Source   // what its data is from
	Loss     string   // how much time of its data would be lost if it died now
	Lineage  string
	Others   []string // other claims of the same volume
	Problems []inventory.Problem
	Shown    []Candidate // the newest first
	Pages    Pages
	Restore  string // the command that prints the plan of a restore
}

// Source is the snapshot that a claim was filled from.
type Source struct {
	Snapshot string // empty: from none
	Time     time.Time
	Chosen   string // why; empty: its creator has chosen it
}

// Candidate is a snapshot of the volume, and why a claim gets it or not.
type Candidate struct {
	Name    string
	Time    time.Time
	Age     string
	Mark    Mark
	Passed  snapshots.Passed // empty: the claim gets this one
	Why     string
	Lineage string
	Size    string
	Kept    []string // what keeps it, and its pins
	Actions []Action
}

// NewClaim returns a part of the page of a claim of the volume. answer is the webhook's;
// nil: it was not asked, for the reason that is given.
func NewClaim(i *inventory.Inventory, v *inventory.Volume, name string, answer *rehearsal.Answer, notAsked string, part Part, now time.Time) Claim {
	key := inventory.ClusterKey{Namespace: v.Namespace, Name: v.Cluster}
	x := rehearsal.Explained{Volume: v, Name: name}
	x.Decision, x.Considered = i.Explain(v, now)
	c := Claim{Key: key, Name: name, Where: x.Where(), State: "gone", Asked: notAsked}
	n := slices.IndexFunc(v.Claims, func(pvc *corev1.PersistentVolumeClaim) bool { return pvc.Name == name })
	if n >= 0 {
		x.Lives, x.Claim = true, rehearsal.Again(i, v, v.Claims[n])
		c.State, c.From = stateOf(v.Claims[n]), sourceOf(v.Claims[n])
	}
	for o, pvc := range v.Claims {
		if o != n {
			c.Others = append(c.Others, pvc.Name)
		}
	}
	c.Verdict = verdictOf(x, answer)
	c.describe(i.Of(key), v, now)
	var all []Candidate
	for _, considered := range x.Considered {
		all = append(all, candidateOf(v, considered, now))
	}
	some := slices.DeleteFunc(slices.Clone(all), func(o Candidate) bool {
		return !part.matches(o.Name, o.Mark.Says, string(o.Passed), o.Lineage)
	})
	c.Shown, c.Pages = paged(some, len(all), part)
	for n := range c.Shown {
		if vs := v.Objects[c.Shown[n].Name]; vs != nil {
			c.Shown[n].Actions = SnapshotActions(vs)
		}
	}
	c.Restore = key.Command("restore", "--broker", kafka.ShellWord(v.Node), "--dry-run")
	return c
}

// verdictOf returns the webhook's answer in words, or what is computed without it.
func verdictOf(x rehearsal.Explained, answer *rehearsal.Answer) []string {
	if x.Claim == nil || answer == nil || answer.Outcome == rehearsal.NotAllowed || answer.Outcome == rehearsal.Failed {
		return x.Computed()
	}
	x.Answer = *answer
	return x.Verdict()
}

// describe sets what the status says of the volume.
func (c *Claim) describe(own *inventory.Inventory, v *inventory.Volume, now time.Time) {
	for _, s := range own.Statuses(now) {
		for _, status := range s.Volumes {
			if status.Volume == v.Slot {
				c.Loss, c.Lineage = status.DataLoss(now), status.Lineage()
			}
		}
		for _, p := range s.Problems {
			if p.Kind == "volume" && p.Name == v.Slot || p.Kind == "claim" && (p.Name == c.Name || slices.Contains(c.Others, p.Name)) {
				c.Problems = append(c.Problems, p)
			}
		}
	}
}

func stateOf(pvc *corev1.PersistentVolumeClaim) string {
	if pvc.DeletionTimestamp != nil {
		return "Terminating"
	}
	return string(cmp.Or(pvc.Status.Phase, corev1.ClaimPending))
}

func sourceOf(pvc *corev1.PersistentVolumeClaim) Source {
	given := pvc.Annotations[v1alpha1.AnnotationRestoredFrom]
	s := Source{Snapshot: cmp.Or(given, snapshots.SourceOf(pvc))}
	if given == "" {
		return s
	}
	s.Chosen = "by Snapback: it was the newest good one"
	if pin := pvc.Annotations[v1alpha1.AnnotationRestoredBy]; pin != "" {
		s.Chosen = "by " + pin
	}
	if t, err := time.Parse(time.RFC3339, pvc.Annotations[v1alpha1.AnnotationRestoredTime]); err == nil {
		s.Time = t
	}
	return s
}

func candidateOf(v *inventory.Volume, of snapshots.Considered, now time.Time) Candidate {
	state := v.State(of.Snapshot)
	c := Candidate{Name: of.Name, Time: of.Scheduled, Age: inventory.Ago(of.Scheduled, now), Mark: Mark{state.Sign(), classOf(state), state.Says()},
		Passed: of.Passed, Why: cmp.Or(of.Why, "it is the one to restore from"), Lineage: v.LineageOf(of.Snapshot), Size: "not known", Kept: inventory.HeldAndPins(of.Snapshot, now)}
	if of.Size != nil {
		c.Size = of.Size.String()
	}
	return c
}

// Title returns the page's title.
func (c Claim) Title() string { return "Claim " + c.Key.Namespace + "/" + c.Name }

// Command returns the kubectl command that says the same.
func (c Claim) Command() string {
	return "kubectl snapback explain " + c.Name + " -n " + c.Key.Namespace
}
