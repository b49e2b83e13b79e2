package recovery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// Plan is what a restore will do. Nothing is changed while it has Blocks.
type Plan struct {
	Cluster  inventory.ClusterKey
	Title    string   // what is restored, and to which snapshots
	All      bool     // restores the whole cluster: its operator is stopped meanwhile
	Restore  string   // name of the restore, see [v1alpha1.AnnotationRestoring]
	Brokers  []Broker // with the order in which they are restored; none with All
	Items    []Item
	Blocks   []string
	Says     []string // what Kafka says
	Warnings []string

	kafkaID string // cluster id of the Kafka that was asked

	ClusterID string // the cluster id that a Kafka of Strimzi is given; empty: it keeps its own

	Discard   bool     // the old volumes are deleted with their claims
	SkipTrial bool     // the storage is not tried first
	Kept      []string // the PersistentVolumes that were kept; set at the end

	goes    []string           // PersistentVolumes that are deleted with their claims, unless they are kept
	unread  bool               // goes is not known: PersistentVolumes cannot be read
	backups []snapshots.Backup // of the namespace, to recognise new claims
}

// Item is one volume of a restore.
type Item struct {
	Volume   *inventory.Volume
	Snapshot *snapshots.Snapshot           // the snapshot to restore; nil: there is none
	Replaces types.UID                     // UID of the claim to replace; empty: the volume has none
	Begun    bool                          // an earlier, interrupted restore of this name has started it
	Done     bool                          // the claim was replaced by one that is filled from the snapshot
	again    *corev1.PersistentVolumeClaim // the claim as it would be created again; nil: it is gone
	Pods     []*corev1.Pod                 // pods that use the volume's claims
	Restored *corev1.PersistentVolumeClaim // the new claim; set at the end
	Blocks   []string
}

// Around is what a plan needs besides the inventory.
type Around struct {
	Kafka   Asked
	Pods    []corev1.Pod
	Volumes map[string]*corev1.PersistentVolume // nil: the user may not read them
}

// NewPlan returns the plan of a restore of the inventory's cluster. An error says
// why there is nothing to plan.
func NewPlan(inv *inventory.Inventory, key inventory.ClusterKey, around Around, r Request, now time.Time) (*Plan, error) {
	r, err := r.check(inv)
	if err != nil {
		return nil, err
	}
	p := &Plan{Cluster: key, All: r.All, Discard: r.Discard, SkipTrial: r.SkipTrial, Warnings: slices.Clone(inv.Notes)}
	if around.Volumes == nil {
		p.Warnings = append(p.Warnings, "you may not read PersistentVolumes: which are deleted with their claims, and which lost claims have left one, is not known")
	}
	for _, b := range inv.Backups {
		p.backups = append(p.backups, b.Parsed)
	}
	if p.All {
		if err = p.toRun(inv, r); r.PatchClusterID {
			p.assume()
		}
	} else {
		err = p.toNewest(inv, r, now)
	}
	if err != nil {
		return nil, err
	}
	p.Warnings = append(p.Warnings, p.damage()...)
	if text := inv.NotAsked(key.Namespace); text != "" {
		p.Blocks = append(p.Blocks, text)
	}
	p.complete(inv, around, now)
	p.votes(inv, r.RestoreQuorum, now)
	why := p.consult(inv, around)
	if len(p.Brokers) > 1 && !p.Brokers[0].Asked {
		if err := p.refuse(why); !p.begun() {
			return nil, err
		}
		return nil, fmt.Errorf("this restore was begun, and can go on only when Kafka can be asked (%s): run the same command again then; or give it up: %s, and restore one broker a command", why, giveUp(inv))
	}
	p.remade(around.Kafka.Observation)
	p.beside(inv, around, why, now)
	p.foreign(inv)
	return p, nil
}

// toRun plans to restore the whole cluster to one run.
func (p *Plan) toRun(inv *inventory.Inventory, r Request) error {
	begun, err := begunRun(inv, r)
	if err != nil {
		return err
	}
	chosen, err := chooseRun(inv.Volumes, r, begun)
	if err != nil {
		return err
	}
	if text := passedOver(inv.Volumes, chosen, r.Before); text != "" && begun == nil {
		p.Warnings = append([]string{text}, p.Warnings...)
	}
	if text := chosen.tooSkewed(r.MaxSkew); text != "" && begun == nil { // else it was agreed to
		p.Blocks = append(p.Blocks, text)
	}
	p.Restore = ofRun(chosen.name())
	for n := range inv.Volumes {
		v := &inv.Volumes[n]
		if s := chosen.ready[v.Hash()]; s != nil {
			p.Items = append(p.Items, Item{Volume: v, Snapshot: s})
			continue
		}
		p.Warnings = append(p.Warnings, fmt.Sprintf("volume %s was gone before that run and is left out: should it come back, it gets its newest snapshot, which is older", v.Slot))
	}
	p.Title = fmt.Sprintf("Restore all of Kafka cluster %s to run %s of %s", p.Cluster, chosen.name(), chosen.Backup)
	return nil
}

// damage returns a warning for each damaged snapshot that the plan restores.
func (p *Plan) damage() (said []string) {
	for _, item := range p.Items {
		if s := item.Snapshot; s != nil && s.Damaged && !item.Done {
			said = append(said, fmt.Sprintf("a restore drill found VolumeSnapshot %s of volume %s damaged: the broker may not start from it, or may lack records; its annotation %s says what is damaged", s.Name, item.Volume.Slot, v1alpha1.AnnotationVerified))
		}
	}
	return said
}

// begunRun returns the run of an interrupted restore, which the request must match;
// nil if there is none.
func begunRun(inv *inventory.Inventory, r Request) (*snapshots.RunKey, error) {
	for n := range inv.Volumes {
		s, m, ok := marked(&inv.Volumes[n])
		name, isRun := strings.CutPrefix(m.restore, ofRun(""))
		if !ok || !isRun {
			continue
		}
		begun := s.Run()
		if r.Run != "" && r.Run != name || r.Run == "" && cutAfter(inv.Volumes, begun, r.Before) {
			return nil, fmt.Errorf("a restore of the cluster to run %s was interrupted: finish it first with --all --from-run %s; or give it up: %s", name, name, giveUp(inv))
		}
		return &begun, nil
	}
	return nil, nil
}

// toNewest plans to restore brokers to their newest snapshots.
func (p *Plan) toNewest(inv *inventory.Inventory, r Request, now time.Time) error {
	p.Restore = ofBrokers(r.Brokers)
	for _, broker := range r.Brokers {
		volumes, err := inv.Broker(broker)
		if err != nil {
			return err
		}
		p.Brokers = append(p.Brokers, Broker{Node: broker, accepted: slices.Contains(r.AcceptLoss, broker)})
		lost, begun := lossOf(volumes), begunOf(volumes, p.Restore)
		for n := range volumes {
			item, newer := newest(inv, &volumes[n], begun, lost, now)
			p.Items = append(p.Items, item)
			if newer != nil {
				p.Warnings = append(p.Warnings, fmt.Sprintf("volume %s does not get its newest ready VolumeSnapshot, %s of %s: %s", item.Volume.Slot, newer.Name, utc(newer.Scheduled), newer.Why))
			}
		}
		p.Warnings = append(p.Warnings, healthy(volumes)...)
	}
	p.Title = fmt.Sprintf("Restore broker %s of Kafka cluster %s to its newest snapshot", r.Brokers[0], p.Cluster)
	if len(r.Brokers) > 1 {
		p.Title = fmt.Sprintf("Restore brokers %s of Kafka cluster %s to their newest snapshots, one after another", strings.Join(r.Brokers, ", "), p.Cluster)
	}
	return nil
}

// healthy warns of bound disks that are replaced together with a lost one.
func healthy(volumes []inventory.Volume) (said []string) {
	var bound []string
	for _, v := range volumes {
		if stateOf(v.Claim()) == string(corev1.ClaimBound) {
			bound = append(bound, v.Claim().Name)
		}
	}
	if len(bound) > 0 && len(bound) < len(volumes) {
		said = append(said, fmt.Sprintf("%s of the same broker is Bound, and is replaced, too: if its disk is well, answer no, and delete only the lost claim and the broker's pod", strings.Join(bound, ", ")))
	}
	return said
}

// lossOf returns the loss of all of the volumes. Whether a quorum's volumes are
// restored is asked separately, see [Plan.votes].
func lossOf(volumes []inventory.Volume) inventory.Loss {
	l := inventory.Loss{Volumes: map[string]bool{}, Pins: map[string]string{}, Agreed: true}
	for _, v := range volumes {
		l.Volumes[v.Hash()] = true
	}
	return l
}

// begunOf returns the run that an interrupted restore of the broker uses; nil if
// there is none.
func begunOf(volumes []inventory.Volume, restore string) *snapshots.RunKey {
	for n := range volumes {
		if s, m, ok := marked(&volumes[n]); ok && m.restore == restore {
			key := s.Run()
			return &key
		}
	}
	return nil
}

// newest chooses the same snapshot as the webhook: for disks that are lost
// together, the newest run that all of them have. An interrupted restore keeps its
// run. It also returns a newer snapshot that is passed over, unless somebody has
// pinned the older one.
func newest(inv *inventory.Inventory, v *inventory.Volume, begun *snapshots.RunKey, lost inventory.Loss, now time.Time) (item Item, newer *snapshots.Considered) {
	item.Volume = v
	if begun != nil {
		i := slices.IndexFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.Run() == *begun && s.Ready })
		if i >= 0 {
			item.Snapshot = &v.Snapshots[i]
			return item, nil
		}
	}
	d, bare := inv.IfPinned(v, lost, now)
	if d.Outcome != v1alpha1.OutcomeRestore && bare.Outcome == v1alpha1.OutcomeRestore {
		d = bare
	}
	item.Snapshot = d.Snapshot
	switch {
	case d.Snapshot == nil:
		item.Blocks = append(item.Blocks, refusal(v, d, ""))
	case d.Pin == v1alpha1.AnnotationRestoreNext && d.Snapshot.Annotations[v1alpha1.AnnotationRestoring] != "": // which is said of the cluster
	case d.Pin == v1alpha1.AnnotationRestoreNext:
		item.Blocks = append(item.Blocks, fmt.Sprintf("VolumeSnapshot %s is annotated %s already, by somebody else: take that off, or just delete the claim and its pod", d.SnapshotName(), d.Pin))
	case d.Pin != "":
		item.Blocks = append(item.Blocks, fmt.Sprintf("%s is in force for it, which would send every lost claim back in time: take it off first", d.Pin))
	}
	return item, d.Newer
}

// claimName returns the name of the volume's claim, or of its last one.
func (i *Item) claimName() string {
	if claim := i.Volume.Claim(); claim != nil {
		return claim.Name
	}
	if len(i.Volume.Claims) > 0 {
		return i.Volume.Claims[0].Name
	}
	if len(i.Volume.Snapshots) > 0 && i.Volume.Snapshots[0].SourcePVC != "" {
		return i.Volume.Snapshots[0].SourcePVC
	}
	return i.Volume.Slot
}
