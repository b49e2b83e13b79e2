package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	noteSettled = "settled" // in memory: see settle

	reasonProvisioningFailed = "ProvisioningFailed" // of the provisioner's Events

	maxQuoted = 600 // bytes of the provisioner's words: an Event holds 1024
	maxNamed  = 5   // claims in a condition
)

// memory is what has been noted about claims in this term of leadership, so
// that it is said once.
type memory struct {
	mu    sync.Mutex
	notes map[types.UID]map[string]bool
	where map[types.UID]string // namespace of the claim
	last  map[types.UID]int    // number of the last note about the claim
	count int                  // of the notes
}

// note notes something about a claim and reports whether it is new.
func (m *memory) note(pvc *corev1.PersistentVolumeClaim, what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notes == nil {
		m.notes, m.where, m.last = map[types.UID]map[string]bool{}, map[types.UID]string{}, map[types.UID]int{}
	}
	m.count++
	m.last[pvc.UID] = m.count
	if m.notes[pvc.UID] == nil {
		m.notes[pvc.UID], m.where[pvc.UID] = map[string]bool{}, pvc.Namespace
	}
	known := m.notes[pvc.UID][what]
	m.notes[pvc.UID][what] = true
	return !known
}

func (m *memory) noted(pvc *corev1.PersistentVolumeClaim, what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notes[pvc.UID][what]
}

// noteCount is how many notes there have been. What is listed afterwards has
// the claims that they are about, unless they are gone.
func (m *memory) noteCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// keep forgets the claims of a namespace that are none of these, which were
// listed after so many notes: another worker may have noted something since.
func (m *memory) keep(namespace string, live []corev1.PersistentVolumeClaim, listedAfter int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	there := map[types.UID]bool{}
	for i := range live {
		there[live[i].UID] = true
	}
	for uid, in := range m.where {
		if in == namespace && !there[uid] && m.last[uid] <= listedAfter {
			delete(m.notes, uid)
			delete(m.where, uid)
			delete(m.last, uid)
		}
	}
}

// verify looks after the fact at where the data of the cluster's claims is
// from, and says what is wrong, on the claims and in the status.
func (r *Reconciler) verify(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) error {
	now := r.Clock.Now()
	all, err := r.subjects(ctx, seen, now)
	if err != nil {
		return fmt.Errorf("verify the restores of kafkabackup %s/%s: %w", kb.Namespace, kb.Name, err)
	}
	found := findings(all, now)
	r.figures.observeFindings(kb, found)
	var news []subject
	kb.Status.Restores, news = restores(kb.Status.Restores, all, now)
	meta.SetStatusCondition(&kb.Status.Conditions, verified(found, kb.Generation))
	for _, f := range found {
		r.warn(ctx, f)
	}
	var errs []error
	for _, s := range news {
		r.announce(kb, s)
		if err := r.settle(ctx, kb, s); err != nil {
			errs = append(errs, err)
			unsettled(kb.Status.Restores, s)
		}
	}
	return errors.Join(append(errs, r.forget(ctx, kb.Namespace))...)
}

// subjects reads what it takes to judge the claims out of the cache.
func (r *Reconciler) subjects(ctx context.Context, seen view, now time.Time) ([]subject, error) {
	cluster := byVolumes(seen.own)
	all := make([]subject, 0, len(seen.claims))
	for _, c := range seen.claims {
		s := subject{claim: c, known: seen.cluster, promoteAfter: seen.backup.PromoteAfter}
		if c.pvc.Status.Phase == corev1.ClaimBound {
			s.pv = &corev1.PersistentVolume{}
			if err := r.Client.Get(ctx, types.NamespacedName{Name: c.pvc.Spec.VolumeName}, s.pv); err != nil {
				return nil, fmt.Errorf("read the volume of claim %s: %w", c.pvc.Name, err) // the cache may be behind
			}
		}
		if s.mayBeEmpty(now) {
			s.history, s.cluster = readable(seen.cluster.Snapshots[c.volume.Hash()]), cluster
		}
		r.optIn(&s)
		all = append(all, s)
	}
	return all, nil
}

// byVolumes are the snapshots by their volume's hash.
func byVolumes(all []snapshots.Snapshot) map[string][]snapshots.Snapshot {
	volumes := map[string][]snapshots.Snapshot{}
	for _, s := range all {
		volumes[s.Volume] = append(volumes[s.Volume], s)
	}
	return volumes
}

// optIn tells whether people have asked for the claim's volume to be restored.
// That they had not is remembered: to let a broker start empty, they opt out
// for a while.
func (r *Reconciler) optIn(s *subject) {
	in := s.asked()
	_, restored := s.pvc.Annotations[v1alpha1.AnnotationRestoredFrom]
	s.optedIn = in || restored
	if !in {
		r.memory.note(s.pvc, string(v1alpha1.ReasonOptedOut))
	}
	s.optedOut = r.memory.noted(s.pvc, string(v1alpha1.ReasonOptedOut))
}

// warn says what is wrong with a claim on the claim, once.
func (r *Reconciler) warn(ctx context.Context, f finding) {
	if !r.memory.note(f.pvc, f.reason) {
		return
	}
	text := f.text
	if f.reason == v1alpha1.ReasonRestoreStuck {
		text += ": " + r.provisioningError(ctx, f.pvc)
	}
	log.FromContext(ctx).Info("restore needs attention", "persistentvolumeclaim", client.ObjectKeyFromObject(f.pvc), "reason", f.reason, "text", text)
	r.Recorder.Eventf(f.pvc, nil, corev1.EventTypeWarning, f.reason, actionVerify, "%s", text)
}

// announce says once that a claim was restored, on it and on the KafkaBackup.
func (r *Reconciler) announce(kb *v1alpha1.KafkaBackup, s subject) {
	if r.memory.note(s.pvc, string(v1alpha1.ReasonRestored)) {
		r.Recorder.Eventf(s.pvc, nil, corev1.EventTypeNormal, string(v1alpha1.ReasonRestored), actionVerify,
			"Restored from VolumeSnapshot %s into PersistentVolume %s", snapshots.SourceOf(s.pvc), s.pv.Name)
	}
	if r.memory.note(s.pvc, string(v1alpha1.ReasonRestored)+"/"+string(kb.UID)) {
		r.figures.update(client.ObjectKeyFromObject(kb), func(f *figures) { f.restored++ })
		// Without the claim as related object, those of several claims would be counted as one.
		r.Recorder.Eventf(kb, s.pvc, corev1.EventTypeNormal, string(v1alpha1.ReasonRestored), actionVerify,
			"Claim %s was restored from VolumeSnapshot %s", s.pvc.Name, snapshots.SourceOf(s.pvc))
	}
}

// provisioningError is the provisioner's own account of why a claim is not
// filled.
func (r *Reconciler) provisioningError(ctx context.Context, pvc *corev1.PersistentVolumeClaim) string {
	var list eventsv1.EventList
	err := r.APIReader.List(ctx, &list, client.InNamespace(pvc.Namespace), client.MatchingFields{
		"regarding.uid": string(pvc.UID), "reason": reasonProvisioningFailed, "type": corev1.EventTypeWarning})
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the Events of a claim", "persistentvolumeclaim", client.ObjectKeyFromObject(pvc))
		return "its other Events may say why"
	}
	note := newestNote(list.Items)
	if note == "" {
		return "its provisioner has not said why; a claim of a WaitForFirstConsumer class waits for its pod to be scheduled"
	}
	return firstBytes(note, maxQuoted)
}

// forget drops what was noted about claims that are gone.
func (r *Reconciler) forget(ctx context.Context, namespace string) error {
	notes := r.memory.noteCount()
	live, err := listClaims(ctx, r.Client, namespace)
	if err != nil {
		return err
	}
	r.memory.keep(namespace, live, notes)
	return nil
}

// verified is the condition RestoresVerified. Its text is the same for the same
// findings: the provisioner's words, which may change, are left to the Events.
func verified(found []finding, generation int64) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionRestoresVerified, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonVerified,
		Message: "No claim of the cluster lacks data that it should have been restored with", ObservedGeneration: generation}
	if len(found) == 0 {
		return c
	}
	c.Status, c.Reason = metav1.ConditionFalse, found[0].reason
	said := make([]string, len(found))
	for i, f := range found {
		said[i] = fmt.Sprintf("%s of claim %s: %s", f.reason, f.pvc.Name, f.text)
	}
	c.Message = snapshots.FirstOf(said, maxNamed, "; ")
	return c
}
