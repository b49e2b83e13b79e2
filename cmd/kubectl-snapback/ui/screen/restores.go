package screen

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// Restores is the page of restores: what would be refused now, what is under way, and
// what has been.
type Restores struct {
	Of       inventory.ClusterKey // the zero value: of all clusters
	Refused  Few[Refused]
	Verified Few[Verified] // those with a fault first
	Shown    []Restore
	Pages    Pages
	Look     string // the kubectl command that says what is refused and what has a fault

	commands []string
}

// Refused is a lost volume whose new claim is refused.
type Refused struct {
	Cluster        inventory.ClusterKey
	Volume, Broker string
	Claim          string // that was lost
	Why            string
	Reason         v1alpha1.Reason
}

// Verified is what the scheduler has found of the restores of a KafkaBackup.
type Verified struct {
	Of   string
	Said string
	Well bool
}

// Restore is a restore of one claim.
type Restore struct {
	inventory.Past
	Phases  []Phase
	Said    string // what Kafka has made of it, or why that is not known
	Chosen  string // who chose the snapshot; empty: it was the newest good one
	Lost    []Lost
	More    int // partitions that lack records, and are not listed
	Mending []inventory.Mend
	Command string
}

// Phase is a step of a restore.
type Phase struct {
	Name string
	Time time.Time // zero: not yet, or not known
	Took string    // since the claim was created
	Says string    // if there is no time
}

// Lost is a range of records that is gone.
type Lost struct {
	Partition string
	From, To  int64
	Records   string
}

// NewRestores returns a part of the page of restores of one cluster, or of all if the
// key is empty.
func NewRestores(i *inventory.Inventory, of inventory.ClusterKey, part Part, now time.Time) Restores {
	r := Restores{Of: of}
	if of != (inventory.ClusterKey{}) {
		i = i.Of(of)
	}
	var refused []Refused
	var verified []Verified
	lost := lostClaims(i)
	for _, s := range i.Statuses(now) {
		refused = append(refused, refusedOf(lost, s)...)
		r.commands = append(r.commands, inventory.ClusterKey{Namespace: s.Namespace, Name: s.Cluster}.Command("after"))
	}
	for _, b := range i.Backups {
		verified = append(verified, verifiedOf(b)...)
	}
	slices.SortStableFunc(verified, func(a, b Verified) int { return inventory.TrueFirst(!a.Well, !b.Well) })
	r.Refused = few(refused, part, func(o Refused) []string {
		return []string{o.Volume, o.Broker, o.Claim, o.Cluster.String(), string(o.Reason)}
	})
	r.Verified = few(verified, part, func(o Verified) []string { return []string{o.Of, o.Said} })
	r.Look = statusCommand(i.Clusters())
	history := i.History()
	some := slices.DeleteFunc(slices.Clone(history), func(p inventory.Past) bool {
		return !part.matches(p.PersistentVolumeClaim, p.Broker, p.Cluster.String(), p.VolumeSnapshot)
	})
	shown, pages := paged(some, len(history), part)
	r.Pages = pages
	for _, p := range shown {
		r.Shown = append(r.Shown, newRestore(p))
	}
	return r
}

// statusCommand returns the kubectl command that shows the status of Kafka clusters: of
// one, of its namespace, or of all.
func statusCommand(keys []inventory.ClusterKey) string {
	if len(keys) == 0 || slices.ContainsFunc(keys, func(k inventory.ClusterKey) bool { return k.Namespace != keys[0].Namespace }) {
		return "kubectl snapback status -A"
	}
	if len(keys) > 1 {
		return "kubectl snapback status -n " + keys[0].Namespace
	}
	return keys[0].Command("status")
}

// slot names a volume.
type slot struct {
	inventory.ClusterKey
	name string
}

// lostClaims returns the name of the last claim of each volume that has none now.
func lostClaims(i *inventory.Inventory) map[slot]string {
	lost := map[slot]string{}
	for n := range i.Volumes {
		if v := &i.Volumes[n]; len(v.Claims) == 0 {
			lost[slot{inventory.ClusterKey{Namespace: v.Namespace, Name: v.Cluster}, v.Slot}] = claimOf(v)
		}
	}
	return lost
}

// refusedOf returns the lost volumes of a cluster whose claims are refused.
func refusedOf(lost map[slot]string, s inventory.Status) (all []Refused) {
	key := inventory.ClusterKey{Namespace: s.Namespace, Name: s.Cluster}
	for _, v := range s.Volumes {
		if len(v.Claims) == 0 && v.IfLost.Outcome == v1alpha1.OutcomeDeny {
			all = append(all, Refused{Cluster: key, Volume: v.Volume, Broker: v.Broker, Claim: lost[slot{key, v.Volume}], Why: v.IfLost.Message, Reason: v.IfLost.Reason})
		}
	}
	return all
}

// verifiedOf returns what the scheduler says of restores.
func verifiedOf(b inventory.Backup) (all []Verified) {
	for _, c := range b.Status.Conditions {
		if c.Type == v1alpha1.ConditionRestoresVerified {
			all = append(all, Verified{Of: fmt.Sprintf("%s %s/%s", b.Kind(), b.Namespace, b.Name), Said: fmt.Sprintf("%s (%s)", cmp.Or(c.Message, c.Reason), c.Reason),
				Well: c.Status == metav1.ConditionTrue})
		}
	}
	return all
}

func newRestore(p inventory.Past) Restore {
	r := Restore{Past: p, Phases: phasesOf(p), Mending: p.Mending(), Command: p.Cluster.Command("after")}
	r.Said = p.Report()
	if p.Claim != nil {
		if pin := p.Claim.Annotations[v1alpha1.AnnotationRestoredBy]; pin != "" {
			r.Chosen = "chosen by " + pin
		}
	}
	if k := p.Kafka; k != nil {
		for _, l := range k.LostPartitions {
			r.Lost = append(r.Lost, Lost{fmt.Sprintf("%s-%d", l.Topic, l.Partition), l.From, l.To, inventory.LostRecords(l)})
		}
		r.More = max(0, int(k.PartitionsLost)-len(k.LostPartitions))
	}
	return r
}

// phasesOf returns the steps of a restore, as far as the cluster tells of them.
func phasesOf(p inventory.Past) []Phase {
	step := func(name string, at *metav1.Time, says string) Phase {
		if at == nil {
			return Phase{Name: name, Says: says}
		}
		return Phase{Name: name, Time: at.Time, Took: duration.HumanDuration(at.Sub(p.RequestedTime.Time))}
	}
	bound, sync := "not known", "not known"
	if p.UnderWay() {
		bound, sync = "not yet", "not yet"
	} else if p.Claim != nil {
		bound = "it is bound, since when is not known"
	}
	all := []Phase{{Name: "Claim created", Time: p.RequestedTime.Time}, step("Bound to the volume that was made for it", p.BoundTime, bound)}
	if p.Kafka == nil {
		return append(all, Phase{Name: "In sync in Kafka", Says: sync})
	}
	if p.Kafka.InSyncTime == nil && p.Kafka.Partitions > 0 {
		sync = fmt.Sprintf("in sync in %d of %d partitions", p.Kafka.InSync, p.Kafka.Partitions)
	}
	return append(all, step("In sync in Kafka", p.Kafka.InSyncTime, sync), step("Reported", p.Kafka.ReportedTime, "not yet"))
}

// DataOf returns the scheduled time of the snapshot that it was restored from; zero: it
// is not known.
func (r Restore) DataOf() time.Time {
	if r.ScheduledTime == nil {
		return time.Time{}
	}
	return r.ScheduledTime.Time
}

// State says in a word how far the restore is.
func (r Restore) State() string {
	switch {
	case r.UnderWay():
		return "under way"
	case r.Claim == nil:
		return "over, the claim is gone or was replaced"
	}
	return "over"
}

// Title returns the page's title.
func (r Restores) Title() string {
	if r.Of != (inventory.ClusterKey{}) {
		return "Restores of " + r.Of.String()
	}
	return "Restores"
}

// Command returns the kubectl command that says the same of a cluster; empty: the page
// is of several clusters, and each restore has its own.
func (r Restores) Command() string {
	if len(r.commands) == 1 {
		return r.commands[0]
	}
	return ""
}
