package scheduler

import (
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// cadence is a schedule with its times, which the model computes itself.
type cadence struct {
	spec           string
	period, offset time.Duration // since the epoch, in UTC, or since the creation
	anchored       bool
}

var cadences = map[string][]cadence{
	"hourly": {{spec: "@hourly", period: time.Hour}, {spec: "0 * * * *", period: time.Hour}, {spec: "20 * * * *", period: time.Hour, offset: 20 * time.Minute},
		{spec: "@every 1h", period: time.Hour, anchored: true}, {spec: "@every 45m", period: 45 * time.Minute, anchored: true},
		{spec: "@every 10m", period: 10 * time.Minute, anchored: true}},
	"daily": {{spec: "@daily", period: 24 * time.Hour}, {spec: "0 */6 * * *", period: 6 * time.Hour}, {spec: "0 */2 * * *", period: 2 * time.Hour},
		{spec: "@every 6h", period: 6 * time.Hour, anchored: true}},
}

func cadenceOf(kb *v1alpha1.KafkaBackup) cadence {
	c := cadences[kb.Name][slices.IndexFunc(cadences[kb.Name], func(c cadence) bool { return c.spec == kb.Spec.Schedule })]
	if c.anchored {
		c.offset = time.Duration(kb.CreationTimestamp.UnixNano())
	}
	if jitter, err := time.ParseDuration(kb.Spec.Jitter); err == nil {
		c.offset += schedule.Jitter(jitter, string(kb.UID))
	}
	return c
}

// latest is the last time of the cadence up to now.
func (c cadence) latest(now time.Time) time.Time {
	since := time.Duration(now.UnixNano()) - c.offset
	return time.Unix(0, int64(c.offset+since.Truncate(c.period))).UTC()
}

// redraw changes the schedule and the retention.
func (w *world) redraw(kb *v1alpha1.KafkaBackup) {
	kb.Spec.Schedule = pickOne(w, cadences[kb.Name]).spec
	kb.Spec.Jitter = pickOne(w, []string{"", "", "10m", "40m"})
	w.redrawRetention(kb)
	kb.Spec.StartingDeadlineSeconds = pickOne(w, []*int64{nil, nil, ptr.To(int64(300)), ptr.To(int64(3600))})
}

func (w *world) redrawRetention(kb *v1alpha1.KafkaBackup) {
	kb.Spec.RetentionTime = pickOne(w, []string{"90m", "6h", "24h", "48h"})
	kb.Spec.RetentionCount = pickOne(w, []*int32{nil, ptr.To(int32(2)), ptr.To(int32(5)), ptr.To(int32(20))})
}

func pickOne[T any](w *world, from []T) T { return from[w.rng.IntN(len(from))] }

// action is something that people or the world do, and how often.
type action struct {
	weight int
	do     func(*world)
}

var actions = []action{
	{6, func(w *world) { w.lose(pickOne(w, w.brokers)) }},
	{2, (*world).scale},
	{2, (*world).bypass},
	{2, func(w *world) { w.editBackup("redrawn", w.redraw) }},
	{3, func(w *world) { w.editBackup("another retention", w.redrawRetention) }},
	{3, func(w *world) {
		w.editBackup("suspend toggled", func(kb *v1alpha1.KafkaBackup) { kb.Spec.Suspend = !kb.Spec.Suspend })
	}},
	{2, (*world).freeze},
	{2, (*world).hold},
	{3, (*world).drill},
	{1, (*world).runNow},
	{1, (*world).pin},
	{2, (*world).recreateBackup},
	{3, (*world).deleteStuck},
	{1, (*world).deleteAny},
	{2, (*world).restartStorage},
	{2, func(w *world) { w.trouble = !w.trouble && !w.options.calm; w.did("trouble: %v", w.trouble) }},
	{1, func(w *world) { w.quota = !w.quota && !w.options.calm; w.did("quota: %v", w.quota) }},
	{1, func(w *world) { w.storage.skew = time.Duration(w.rng.IntN(7200)-3600) * time.Second }},
	{3, func(w *world) {
		if w.term != nil && !w.options.calm {
			w.term.stop("killed")
			w.upAt = w.clock.Now().Add(w.downtime())
		}
	}},
}

// somethingHappens draws whether an action happens, and carries it out. Actions
// that end trouble are more frequent than those that begin it.
func (w *world) somethingHappens() {
	if w.trouble && w.rng.IntN(10) == 0 {
		w.trouble = false
	}
	if w.quota && w.rng.IntN(20) == 0 {
		w.quota = false
	}
	for _, kb := range w.backups() {
		if kb.Spec.Suspend && w.rng.IntN(40) == 0 {
			w.editBackup("suspend ends", func(kb *v1alpha1.KafkaBackup) { kb.Spec.Suspend = false })
		}
	}
	if len(w.backups()) < 2 && w.rng.IntN(40) == 0 {
		w.recreateBackup()
	}
	if w.rng.IntN(20) == 0 {
		w.replace()
	}
	if w.rng.IntN(10) != 0 {
		return
	}
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	n := w.rng.IntN(total)
	for _, a := range actions {
		if n -= a.weight; n < 0 {
			a.do(w)
			return
		}
	}
}

func (w *world) scale() {
	b := pickOne(w, w.brokers)
	if len(w.brokers) < 5 && w.rng.IntN(2) == 0 {
		b = w.newBroker(len(w.brokers))
		w.brokers = append(w.brokers, b)
	} else if b.wanted = !b.wanted; !b.wanted {
		w.lose(b)
		b.removed = true
	}
	w.did("broker %s wanted: %v", b.named().Name, b.wanted)
}

// bypass makes a claim without asking the webhook: an empty one that replaces a
// lost one, or a second one.
func (w *world) bypass() {
	b := pickOne(w, w.brokers)
	if b.admitted != nil || !b.wanted || len(w.claimsOf(b)) > 0 && !w.generated {
		return
	}
	pvc := b.claim.Obj()
	pvc.Finalizers = []string{finalizerClaim}
	w.mustCreate(pvc)
	w.ledger.bypassed[pvc.UID] = true
	b.removed = false
	w.did("claim %s is made beside the webhook", pvc.Name)
}

func (w *world) backups() []*v1alpha1.KafkaBackup {
	return allOf[*v1alpha1.KafkaBackup](w.store.objects)
}

func (w *world) touched(backup string) { w.ledger.touched[backup] = w.clock.Now() }

func (w *world) editBackup(what string, change func(*v1alpha1.KafkaBackup)) {
	all := w.backups()
	if len(all) == 0 {
		return
	}
	kb := pickOne(w, all).DeepCopy()
	change(kb)
	if err := w.store.update(kb, false); err != nil {
		panic(err)
	}
	w.touched(kb.Name)
	w.did("KafkaBackup %s: %s: %s suspend %v, keep %s and %d", kb.Name, what, kb.Spec.Schedule, kb.Spec.Suspend, kb.Spec.RetentionTime, ptr.Deref(kb.Spec.RetentionCount, 0))
}

func (w *world) freeze() {
	w.editBackup("freeze toggled", func(kb *v1alpha1.KafkaBackup) {
		if _, frozen := kb.Annotations[v1alpha1.AnnotationFreeze]; frozen {
			delete(kb.Annotations, v1alpha1.AnnotationFreeze)
			delete(w.frozenSince, kb.Name)
			return
		}
		kb.Annotations[v1alpha1.AnnotationFreeze] = "simulated"
		w.frozenSince[kb.Name] = w.clock.Now()
	})
}

// hold holds a snapshot, or lets a held one go.
func (w *world) hold() {
	all := w.ours()
	if len(all) == 0 {
		return
	}
	vs := mutate(&w.store, pickOne(w, all), func(vs *snapshotv1.VolumeSnapshot) {
		if _, held := vs.Annotations[v1alpha1.AnnotationHold]; held {
			delete(vs.Annotations, v1alpha1.AnnotationHold)
		} else {
			vs.Annotations[v1alpha1.AnnotationHold] = "simulated"
		}
	})
	w.did("snapshot %s: hold toggled", vs.Name)
}

// drill lets a drill find a ready snapshot damaged or sound.
func (w *world) drill() {
	all := slices.DeleteFunc(w.ours(), func(vs *snapshotv1.VolumeSnapshot) bool { return !isReady(vs) })
	if len(all) == 0 {
		return
	}
	report := v1alpha1.DrillReport{Result: pickOne(w, []v1alpha1.DrillResult{v1alpha1.DrillDamaged, v1alpha1.DrillDamaged, v1alpha1.DrillSound})}
	value, err := snapshots.WriteReport(report)
	if err != nil {
		panic(err)
	}
	vs := mutate(&w.store, pickOne(w, all), func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[v1alpha1.AnnotationVerified] = value })
	w.ledger.judged[vs.UID] = w.clock.Now()
	w.did("a drill finds snapshot %s %s", vs.Name, report.Result)
}

// ours are the snapshots that Snapback made and that still exist.
func (w *world) ours() []*snapshotv1.VolumeSnapshot {
	return slices.DeleteFunc(allOf[*snapshotv1.VolumeSnapshot](w.store.objects), func(vs *snapshotv1.VolumeSnapshot) bool {
		return vs.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy || vs.DeletionTimestamp != nil
	})
}

func (w *world) runNow() {
	w.editBackup("run-now", func(kb *v1alpha1.KafkaBackup) {
		at := w.clock.Now().Truncate(time.Second)
		kb.Annotations[v1alpha1.Domain+"run-now"] = at.Format(time.RFC3339)
		w.ledger.runNow[kb.Name] = append(w.ledger.runNow[kb.Name], at)
	})
}

// pin makes both KafkaBackups ask for what was cut at or before some time, or
// for the newest again.
func (w *world) pin() {
	w.ledger.pinned = !w.ledger.pinned
	w.ledger.pinnedAt = w.clock.Now()
	at := w.clock.Now().Add(-time.Duration(w.rng.IntN(24*3600)) * time.Second).Format(time.RFC3339)
	for _, kb := range w.backups() {
		mutate(&w.store, kb, func(kb *v1alpha1.KafkaBackup) {
			delete(kb.Annotations, v1alpha1.AnnotationRestoreBefore)
			if w.ledger.pinned {
				kb.Annotations[v1alpha1.AnnotationRestoreBefore] = at
			}
		})
	}
	w.did("restore-before %s: %v", at, w.ledger.pinned)
}

// recreateBackup deletes a KafkaBackup, or creates one that is not there.
func (w *world) recreateBackup() {
	name := pickOne(w, []string{"hourly", "daily"})
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if w.store.get(refOf(kb)) == nil {
		w.createBackup(name)
		return
	}
	delete(w.frozenSince, name)
	w.touched(name)
	w.store.write(refOf(kb), nil)
	w.did("KafkaBackup %s is deleted", name)
}

// deleteStuck deletes a snapshot that does not become ready, as a person would.
func (w *world) deleteStuck() {
	all := slices.DeleteFunc(w.ours(), func(vs *snapshotv1.VolumeSnapshot) bool {
		return isReady(vs) || w.clock.Since(vs.CreationTimestamp.Time) < time.Hour
	})
	if len(all) == 0 {
		return
	}
	vs := pickOne(w, all)
	if err := w.store.remove(refOf(vs), nil); err != nil {
		panic(err)
	}
	w.did("a person deletes the unfinished snapshot %s", vs.Name)
}

// deleteAny deletes a snapshot that a person has no use for: one that a claim
// waits for, if there is such a claim, so that the two block each other.
func (w *world) deleteAny() {
	all := w.ours()
	awaited := slices.DeleteFunc(slices.Clone(all), func(vs *snapshotv1.VolumeSnapshot) bool { return w.awaited(vs.Name) == nil })
	if len(awaited) > 0 {
		all = awaited
	}
	if len(all) == 0 {
		return
	}
	vs := pickOne(w, all)
	if err := w.store.remove(refOf(vs), nil); err != nil {
		panic(err)
	}
	w.did("a person deletes snapshot %s, awaited: %t", vs.Name, len(awaited) > 0)
}

// restartStorage restarts the controllers of the storage, which finds what they
// have forgotten.
func (w *world) restartStorage() {
	w.did("the storage's controllers restart, %d snapshots were forgotten", len(w.storage.left))
	clear(w.storage.left)
}
