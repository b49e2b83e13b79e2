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
	Refused  []Refused
	Verified []string // what the scheduler has found of restores, of each KafkaBackup
	Shown    []Restore
	Pages    Pages

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
	for _, s := range i.Statuses(now) {
		r.Refused = append(r.Refused, refusedOf(i, s)...)
		r.commands = append(r.commands, afterCommand(inventory.ClusterKey{Namespace: s.Namespace, Name: s.Cluster}))
	}
	for _, b := range i.Backups {
		r.Verified = append(r.Verified, verifiedOf(b)...)
	}
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

func afterCommand(key inventory.ClusterKey) string {
	return "kubectl snapback after " + key.Name + " -n " + key.Namespace
}

// refusedOf returns the lost volumes of a cluster whose claims are refused.
func refusedOf(i *inventory.Inventory, s inventory.Status) (all []Refused) {
	key := inventory.ClusterKey{Namespace: s.Namespace, Name: s.Cluster}
	for _, v := range s.Volumes {
		if len(v.Claims) == 0 && v.IfLost.Outcome == v1alpha1.OutcomeDeny {
			all = append(all, Refused{Cluster: key, Volume: v.Volume, Broker: v.Broker, Claim: lastClaim(i, key, v.Volume), Why: v.IfLost.Message, Reason: v.IfLost.Reason})
		}
	}
	return all
}

// lastClaim returns the name of the last claim of a volume that has none now.
func lastClaim(i *inventory.Inventory, key inventory.ClusterKey, slot string) string {
	for n := range i.Volumes {
		if v := &i.Volumes[n]; v.Namespace == key.Namespace && v.Cluster == key.Name && v.Slot == slot {
			return claimOf(v)
		}
	}
	return ""
}

// verifiedOf returns what the scheduler says of restores.
func verifiedOf(b inventory.Backup) (said []string) {
	for _, c := range b.Status.Conditions {
		if c.Type == v1alpha1.ConditionRestoresVerified {
			said = append(said, fmt.Sprintf("%s %s/%s: %s (%s)", b.Kind(), b.Namespace, b.Name, cmp.Or(c.Message, c.Reason), c.Reason))
		}
	}
	return said
}

func newRestore(p inventory.Past) Restore {
	r := Restore{Past: p, Phases: phasesOf(p), Mending: p.Mending(), Command: afterCommand(p.Cluster)}
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
