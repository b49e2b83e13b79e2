package recovery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots"
)

// complete adds to the plan how far each volume is, and what blocks its restore.
func (p *Plan) complete(inv *inventory.Inventory, around Around, now time.Time) {
	for n := range p.Items {
		item := &p.Items[n]
		item.begin(p.Restore)
		item.Pods = podsOf(item.Volume, around.Pods)
		if claim := item.Volume.Claim(); claim != nil {
			item.again = rehearsal.Again(inv, item.Volume, claim)
		}
	}
	replaced, waiting := 0, 0
	for n := range p.Items {
		item := &p.Items[n]
		if item.Done {
			replaced++
			continue
		}
		if slices.ContainsFunc(item.Volume.Claims, func(c *corev1.PersistentVolumeClaim) bool { return c.UID == item.Replaces }) {
			waiting++
		}
		if item.Snapshot != nil && len(item.Blocks) == 0 {
			loss := p.lossWith(item)
			item.Blocks = append(item.claimBlocks(), item.decisionBlocks(inv, loss, now)...)
			p.Warnings = append(p.Warnings, item.decisionWarnings(inv, loss, p.All, now)...)
		}
		p.Warnings = append(p.Warnings, item.diskWarnings(around)...)
	}
	p.oldVolumes(around)
	if p.All && replaced > 0 && waiting > 0 {
		p.Blocks = append(p.Blocks, fmt.Sprintf("%s made again while %s still there: the brokers ran together, and are of one point in time no more: %s, and start over",
			counted(replaced, "claim was", "claims were"), counted(waiting, "old one is", "old ones are"), giveUp(inv)))
	}
	for _, item := range p.Items {
		for _, text := range item.Blocks {
			p.Blocks = append(p.Blocks, fmt.Sprintf("volume %s: %s", item.Volume.Slot, text))
		}
	}
}

// lossWith returns what is lost together with the volume, and what is pinned for it:
// all of the plan, or what the same broker has, if they go one after another.
func (p *Plan) lossWith(item *Item) inventory.Loss {
	loss := inventory.Loss{Volumes: map[string]bool{}, Pins: map[string]string{}}
	for _, other := range p.Items {
		if !p.All && other.Volume.Node != item.Volume.Node {
			continue
		}
		loss.Volumes[other.Volume.Hash()] = true
		if other.Snapshot != nil {
			loss.Pins[other.Volume.Hash()] = other.Snapshot.Name
		}
	}
	return loss
}

// begin reads how far an interrupted restore of this name has come.
func (i *Item) begin(restore string) {
	if claim := i.Volume.Claim(); claim != nil {
		i.Replaces = claim.UID
	} else if len(i.Volume.Claims) > 0 {
		i.Replaces = i.Volume.Claims[0].UID
	}
	if i.Snapshot == nil {
		return
	}
	m, ok := markOf(i.Snapshot.Annotations)
	if !ok || m.restore != restore {
		return
	}
	i.Begun, i.Replaces = true, m.replaces
	claim := i.Volume.Claim()
	i.Done = claim != nil && claim.UID != m.replaces && snapshots.SourceOf(claim) == i.Snapshot.Name
	if claim != nil && claim.UID != m.replaces && !i.Done {
		i.Blocks = append(i.Blocks, fmt.Sprintf("claim %s was made after the restore had begun, and not from VolumeSnapshot %s: delete it and its pod if it holds nothing, and run this again",
			claim.Name, i.Snapshot.Name))
	}
}

// claimBlocks returns what blocks the restore because of the claims or a run.
func (i *Item) claimBlocks() (blocks []string) {
	var live []string
	for _, c := range i.Volume.Claims {
		if c.DeletionTimestamp == nil {
			live = append(live, c.Name)
		}
	}
	if len(live) > 1 {
		blocks = append(blocks, fmt.Sprintf("it has several live claims, %s: delete those that are not in use first", strings.Join(live, ", ")))
	}
	claim := i.Volume.Claim()
	switch {
	case claim == nil:
	case snapshots.SourceOf(claim) != "" && stateOf(claim) == string(corev1.ClaimPending):
		blocks = append(blocks, fmt.Sprintf("claim %s is being restored from VolumeSnapshot %s already: wait until it is Bound, or delete it and its pod", claim.Name, snapshots.SourceOf(claim)))
	case rehearsal.Chosen(i.again) != "":
		blocks = append(blocks, fmt.Sprintf("claim %s says itself what it is filled or bound with (%s): created again like that, Snapback leaves it alone", claim.Name, rehearsal.Chosen(i.again)))
	}
	for _, s := range i.Volume.Snapshots {
		if claim != nil && s.SourcePVCUID == string(claim.UID) && !s.Ready && !s.Deleting && s.Failure == "" {
			blocks = append(blocks, fmt.Sprintf("a run is under way, its VolumeSnapshot %s is not ready and would hold the claim: try again when it is", s.Name))
		}
	}
	return blocks
}

// decisionBlocks returns why the webhook would not use the planned snapshot.
func (i *Item) decisionBlocks(inv *inventory.Inventory, loss inventory.Loss, now time.Time) []string {
	same, bare := inv.IfPinned(i.Volume, loss, now)
	if policy, err := inv.Policy(i.Volume); err == nil && policy[v1alpha1.AnnotationRestoreBefore] != "" {
		return []string{fmt.Sprintf("%s is in force for it, which would send every lost claim back in time: take it off first", v1alpha1.AnnotationRestoreBefore)}
	}
	if text := refusal(i.Volume, same, i.Snapshot.Name); text != "" {
		return []string{text}
	}
	if text := refusal(i.Volume, bare, i.Snapshot.Name); text != "" {
		return []string{"its claim's own annotations allow it, which the new claim may not have: " + text}
	}
	return nil
}

// decisionWarnings returns what the webhook would warn of. It adds what the webhook
// cannot know: that only one member of a quorum goes back in time.
func (i *Item) decisionWarnings(inv *inventory.Inventory, loss inventory.Loss, all bool, now time.Time) (said []string) {
	d, _ := inv.IfPinned(i.Volume, loss, now)
	said = append(said, d.Warnings...)
	if i.Volume.Role.Quorum() && !all {
		said = append(said, fmt.Sprintf("volume %s is a %s's: restored alone, it can have forgotten what it had agreed to with its quorum", i.Volume.Slot, i.Volume.Role.Words()))
	}
	return said
}

// refusal returns why a decision does not restore the wanted snapshot; empty if it
// does.
func refusal(v *inventory.Volume, d snapshots.Decision, want string) string {
	switch {
	case d.Outcome == v1alpha1.OutcomeRestore && d.Reason == v1alpha1.ReasonRestored && d.SnapshotName() == want:
		return ""
	case d.Outcome == v1alpha1.OutcomeRestore && d.Reason == v1alpha1.ReasonRestored:
		return fmt.Sprintf("it would get VolumeSnapshot %s, which is annotated %s: take that off", d.SnapshotName(), v1alpha1.AnnotationRestoreNext)
	case d.Reason == v1alpha1.ReasonWaitingForSnapshot:
		return fmt.Sprintf("its VolumeSnapshot %s is cut, but not ready: try again when it is", d.SnapshotName())
	case d.Reason == v1alpha1.ReasonNotOptedIn:
		return fmt.Sprintf("it is not opted in, and would start EMPTY: annotate the KafkaBackup of cluster %s with %s=latest", v.Cluster, v1alpha1.AnnotationRestore)
	case d.Reason == v1alpha1.ReasonOptedOut && d.Message == "":
		return fmt.Sprintf("%s is off for it, and it would start EMPTY: take that off the claim, the KafkaBackup or the namespace", v1alpha1.AnnotationRestore)
	}
	return strings.TrimPrefix(string(d.Reason)+": "+d.Message, ": ")
}

// diskWarnings returns warnings about data that is left on old volumes.
func (i *Item) diskWarnings(around Around) (said []string) {
	for _, name := range i.formerVolumes(around) {
		said = append(said, fmt.Sprintf("PersistentVolume %s of the lost claim is Released: it has what was written after the snapshot, and is not touched. To take it in place of the snapshot, "+
			"set %s=off on the KafkaBackup and kubectl patch pv %s --type merge -p '{\"spec\":{\"claimRef\":null}}' before the claim is made again", name, v1alpha1.AnnotationRestore, name))
	}
	return said
}

// formerVolumes returns the Released PersistentVolumes that claims of the volume
// were bound to.
func (i *Item) formerVolumes(around Around) (names []string) {
	for _, pv := range around.Volumes {
		ref := pv.Spec.ClaimRef
		if pv.Status.Phase != corev1.VolumeReleased || ref == nil || ref.Namespace != i.Volume.Namespace {
			continue
		}
		of := func(s snapshots.Snapshot) bool {
			return s.Annotations[v1alpha1.AnnotationSourcePV] == pv.Name || s.SourcePVCUID == string(ref.UID)
		}
		lostClaim := func(c *corev1.PersistentVolumeClaim) bool { return c.Spec.VolumeName == pv.Name }
		if slices.ContainsFunc(i.Volume.Snapshots, of) || slices.ContainsFunc(i.Volume.Claims, lostClaim) {
			names = append(names, pv.Name)
		}
	}
	slices.Sort(names)
	return names
}

// podsOf returns the pods that use a claim of the volume.
func podsOf(v *inventory.Volume, pods []corev1.Pod) (using []*corev1.Pod) {
	for n := range pods {
		uses := func(c *corev1.PersistentVolumeClaim) bool { return snapshots.Mounts(&pods[n], c.Name) }
		// Where names are stable, the pod of a claim that is gone waits for it.
		if slices.ContainsFunc(v.Claims, uses) || !v.GeneratedName && snapshots.Mounts(&pods[n], v.Slot) {
			using = append(using, &pods[n])
		}
	}
	return using
}

// stateOf returns a claim's state in one word.
func stateOf(pvc *corev1.PersistentVolumeClaim) string {
	switch {
	case pvc == nil:
		return "gone"
	case pvc.DeletionTimestamp != nil:
		return "Terminating"
	case pvc.Status.Phase == "":
		return string(corev1.ClaimPending)
	}
	return string(pvc.Status.Phase)
}

// foreign blocks the plan, or warns, if another restore is not finished. Two
// brokers that are restored at the same time can each lose what the other lacks.
func (p *Plan) foreign(inv *inventory.Inventory) {
	said := map[string]bool{p.Restore: true}
	for n := range inv.Volumes {
		v := &inv.Volumes[n]
		s, m, ok := marked(v)
		switch mine := slices.ContainsFunc(p.Items, func(i Item) bool { return i.Volume.Hash() == v.Hash() }); {
		case !ok || said[m.restore]:
		case mine || !p.All:
			said[m.restore] = true
			p.Blocks = append(p.Blocks, fmt.Sprintf("another restore, %s, was begun and is not finished: finish it with %s; or give it up: %s", m.restore, m.command(p.Cluster), giveUp(inv)))
		default:
			p.Warnings = append(p.Warnings, fmt.Sprintf("a restore was interrupted, %s of volume %s, and VolumeSnapshot %s is still pinned: run that restore again, too", m.restore, v.Slot, s.Name))
		}
	}
}

// giveUp returns the command that removes the pins of interrupted restores, and
// says where the former size of a stopped workload is noted.
func giveUp(inv *inventory.Inventory) string {
	var names []string
	namespace, stopped := "", ""
	for n := range inv.Volumes {
		s, m, ok := marked(&inv.Volumes[n])
		if !ok {
			continue
		}
		names, namespace = append(names, s.Name), inv.Volumes[n].Namespace
		if strings.HasPrefix(m.restore, ofRun("")) {
			stopped = fmt.Sprintf(", and start what it has stopped: it is annotated %s, with its former number, or %s", v1alpha1.AnnotationRestoreReplicas, v1alpha1.AnnotationRestorePaused)
		}
	}
	return fmt.Sprintf("kubectl annotate volumesnapshot -n %s %s %s- %s- %s-%s", namespace, strings.Join(names, " "),
		v1alpha1.AnnotationRestoring, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationHold, stopped)
}
