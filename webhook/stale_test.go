package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// changed returns the snapshot of that many hours ago in another state.
func changed(n int, change func(*snapshotv1.VolumeSnapshot)) client.Object {
	vs := hoursAgo(n).Obj()
	change(vs)
	return vs
}

func asItWas(*snapshotv1.VolumeSnapshot)     {}
func notReady(vs *snapshotv1.VolumeSnapshot) { vs.Status.ReadyToUse = nil }
func notCut(vs *snapshotv1.VolumeSnapshot)   { vs.Status = nil }
func damaged(vs *snapshotv1.VolumeSnapshot) {
	vs.Annotations[v1alpha1.AnnotationVerified] = hoursAgo(1).Damaged().Obj().Annotations[v1alpha1.AnnotationVerified]
}
func anotherUID(vs *snapshotv1.VolumeSnapshot) { vs.UID = "another" }
func notOurs(vs *snapshotv1.VolumeSnapshot)    { delete(vs.Labels, v1alpha1.LabelManagedBy) }
func anothers(vs *snapshotv1.VolumeSnapshot)   { vs.Labels, vs.Annotations = nil, nil }
func abandoned(vs *snapshotv1.VolumeSnapshot) {
	notReady(vs)
	notOurs(vs)
}
func ofAnotherVolume(vs *snapshotv1.VolumeSnapshot) {
	vs.Labels[v1alpha1.LabelVolume] = "0123456789abcdef0123456789abcdef"
}
func broken(vs *snapshotv1.VolumeSnapshot) {
	vs.Annotations[v1alpha1.AnnotationScheduledTime], vs.Labels[v1alpha1.LabelRun] = "yesterday", "today"
}
func terminating(vs *snapshotv1.VolumeSnapshot) {
	*vs = *hoursAgo(1).Terminating(now).Obj()
}

func objects(all ...client.Object) []client.Object { return all }

// The cache may be behind the apiserver. So the handler asks the apiserver about the
// chosen snapshot, and before it says that there is none.
func TestCacheIsBehind(t *testing.T) {
	name := func(n int) string { return hoursAgo(n).Obj().Name }
	for _, test := range []struct {
		name         string
		cached, live []client.Object
		reason       string
		snapshot     string // of a restore
	}{
		{"the same", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, asItWas), changed(2, asItWas)), "restore Restored", name(1)},
		{"a newer one", objects(changed(2, asItWas), changed(3, asItWas)), objects(changed(1, asItWas), changed(2, asItWas), changed(3, asItWas)), "restore Restored", name(1)},
		{"a newer one, ready by now", objects(changed(1, notReady), changed(2, asItWas)), objects(changed(1, asItWas), changed(2, asItWas)), "restore Restored", name(1)},
		{"a newer one, cut by now", objects(changed(1, notCut), changed(2, asItWas)), objects(changed(1, notReady), changed(2, asItWas)), "restore Restored", name(2)},
		{"a newer one, the known one gone", objects(changed(2, asItWas), changed(3, asItWas)), objects(changed(1, asItWas), changed(3, asItWas)), "restore Restored", name(1)},
		{"gone", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(2, asItWas)), "restore Restored", name(2)},
		{"two gone", objects(changed(1, asItWas), changed(2, asItWas), changed(3, asItWas)), objects(changed(3, asItWas)), "restore Restored", name(3)},
		{"terminating", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, terminating), changed(2, asItWas)), "restore Restored", name(2)},
		{"made anew under its name", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, anotherUID), changed(2, asItWas)), "restore Restored", name(2)},
		{"not ours any more", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, notOurs), changed(2, asItWas)), "restore Restored", name(2)},
		{"of another volume by now", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, ofAnotherVolume), changed(2, asItWas)), "restore Restored", name(2)},
		{"unreadable by now", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, broken), changed(2, asItWas)), "restore Restored", name(2)},
		{"waited for, labelled as another's by now", objects(changed(1, notReady)), objects(changed(1, abandoned)), "deny Unreadable", ""},
		{"damaged by now", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, damaged), changed(2, asItWas)), "restore Restored", name(2)},
		{"two damaged by now", objects(changed(1, asItWas), changed(2, asItWas), changed(3, asItWas)), objects(changed(1, damaged), changed(2, damaged), changed(3, asItWas)), "restore Restored", name(3)},
		{"damaged by now, the only one", objects(changed(1, asItWas)), objects(changed(1, damaged)), "restore Restored", name(1)},
		{"damaged in the cache", objects(changed(1, damaged), changed(2, asItWas)), objects(changed(1, damaged), changed(2, asItWas)), "restore Restored", name(2)},
		{"cache empty, damaged", nil, objects(changed(1, damaged), changed(2, asItWas)), "restore Restored", name(2)},
		{"not ready after all", objects(changed(1, asItWas), changed(2, asItWas)), objects(changed(1, notReady), changed(2, asItWas)), "restore Restored", name(2)},
		{"not ready after all, the only one", objects(changed(1, asItWas)), objects(changed(1, notReady)), "restore WaitingForSnapshot", name(1)},
		{"not cut after all, the only one", objects(changed(1, asItWas)), objects(changed(1, notCut)), "allow NoSnapshot", ""},
		{"ready by now", objects(changed(1, notReady)), objects(changed(1, asItWas)), "restore Restored", name(1)},
		{"cut by now", objects(changed(1, notCut)), objects(changed(1, notReady)), "restore WaitingForSnapshot", name(1)},
		{"cache empty", nil, objects(changed(1, asItWas), changed(2, asItWas)), "restore Restored", name(1)},
		{"cache empty, only another's there", nil, objects(changed(1, anothers)), "allow NoSnapshot", ""},
		{"cache empty, the only one labelled as another's", nil, objects(changed(1, notOurs)), "deny Unreadable", ""},
		{"cache empty, the only one unreadable", nil, objects(changed(2, broken)), "deny Unreadable", ""},
		{"cache empty, the only one said to be of another volume", nil, objects(changed(3, ofAnotherVolume)), "deny Unreadable", ""},
		{"in the cache, the only one unreadable", objects(changed(2, broken)), objects(changed(2, broken)), "deny Unreadable", ""},
		{"the only one unreadable by now", objects(changed(1, asItWas)), objects(changed(1, broken)), "deny Unreadable", ""},
		{"unreadable in the cache", objects(changed(1, broken), changed(2, asItWas)), objects(changed(1, broken), changed(2, asItWas)), "restore Restored", name(2)},
		{"all gone, a new one there", objects(changed(2, asItWas), changed(3, asItWas)), objects(changed(1, asItWas)), "restore Restored", name(1)},
		{"all gone", objects(changed(1, asItWas), changed(2, asItWas)), nil, "allow NoSnapshot", ""},
		{"nothing anywhere", nil, nil, "allow NoSnapshot", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := site{cached: append(surroundings(), test.cached...), live: append(surroundings(), test.live...)}
			answer := s.ask(t, recorded(t, strimziReview))
			audit := map[string]string{"decision": test.reason}
			if test.snapshot != "" {
				audit["snapshot"] = test.snapshot
			}
			code := int32(http.StatusOK)
			if strings.HasPrefix(test.reason, "deny ") {
				code = http.StatusForbidden
			}
			wantAnswer(t, answer, code, audit)
			if (answer.Patch != nil) != (test.snapshot != "") {
				t.Errorf("patch %s", answer.Patch)
			}
		})
	}
}

// withoutBackups returns surroundings without an opt-in.
func withoutBackups() []client.Object {
	return slices.DeleteFunc(surroundings(), func(o client.Object) bool {
		_, is := o.(*v1alpha1.KafkaBackup)
		return is
	})
}

// The opt-in that a snapshot carries counts even if only the apiserver has the
// snapshot.
func TestOptInOfALiveSnapshot(t *testing.T) {
	optedIn := hoursAgo(1).Annotate(restore, "latest").Obj()
	s := site{cached: withoutBackups(), live: objects(optedIn)}
	wantPatch(t, s.ask(t, recorded(t, strimziReview)), optedIn.Name, "2026-12-01T11:00:00Z", map[string]string{"strimzi.io/delete-claim": "false", restore: "latest"})
}

// The snapshot may be deleted between the list and the read from the apiserver.
func TestGoneBetweenTwoReads(t *testing.T) {
	s := site{cached: surroundings(), live: objects(changed(1, asItWas), changed(2, asItWas))}
	reads := 0
	s.liveFaults = onRead("VolumeSnapshot", func(context.Context) error {
		if reads++; reads <= 2 { // from the watch cache, and live
			return apierrors.NewNotFound(snapshotv1.Resource("volumesnapshots"), hoursAgo(1).Obj().Name)
		}
		return nil
	})
	answer := s.ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(2).Obj().Name})
}

// Snapshots of other volumes, and of a volume of the same name in another namespace,
// do not count for this claim.
func TestOnlyTheVolumesOwnSnapshots(t *testing.T) {
	elsewhere := hoursAgo(1).Obj()
	elsewhere.Namespace = "staging"
	neighbour := snapshotstest.NewSnapshot(snapshotstest.StrimziClaim("my-cluster", "broker", 1, 0).In(namespace), strimziBackup(), driver, now).Ready().Obj()
	s := site{cached: append(surroundings(), elsewhere, koperatorSnapshot(now).Obj(), neighbour)}
	s.live = objects(elsewhere.DeepCopy(), koperatorSnapshot(now).Obj(), neighbour.DeepCopy())
	answer := s.ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "allow NoSnapshot"})
}

// People who may write snapshots in another namespace decide nothing in this one.
func TestPolicyOfASnapshotElsewhere(t *testing.T) {
	own, elsewhere := hoursAgo(2).Annotate(restore, "latest").Obj(), hoursAgo(1).Annotate(restore, "off").Obj()
	elsewhere.Namespace = "staging"
	for name, s := range map[string]site{
		"in the cache":     {cached: append(withoutBackups(), own, elsewhere), live: objects(own)},
		"on the apiserver": {cached: withoutBackups(), live: objects(own, elsewhere)},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.ask(t, recorded(t, strimziReview))
			wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": own.Name})
		})
	}
}

// TestNamespaceTooNew checks a namespace that the cache does not have yet.
func TestNamespaceTooNew(t *testing.T) {
	s := siteOf(hoursAgo(1))
	for i, o := range s.cached {
		if _, ok := o.(*corev1.Namespace); ok {
			s.live = append(s.live, o)
			s.cached = slices.Delete(slices.Clone(s.cached), i, i+1)
			break
		}
	}
	answer := s.ask(t, reviewOf(t, strimziReview, untouched))
	if answer.AuditAnnotations["decision"] != "restore Restored" {
		t.Errorf("%v: %s", answer.AuditAnnotations, answer.Result.Message)
	}
}

// TestWordIsBehind has a cache that does not know yet that people have opted in.
func TestWordIsBehind(t *testing.T) {
	word := func(value string) client.Object {
		backup := strimziBackup()
		if value != "" {
			backup.Annotate(restore, value)
		}
		return backup.Obj()
	}
	told := func(value string) client.Object {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		if value != "" {
			ns.Annotations = map[string]string{restore: value}
		}
		return ns
	}
	inConfigMap := snapshotstest.ConfigMapOf(strimziBackup().Annotate(restore, "latest").Obj())
	for name, test := range map[string]struct {
		cached, live []client.Object
		want         string
	}{
		"opted in again":                {objects(word("off"), told("")), objects(word("latest"), told("")), "restore Restored"},
		"opted in":                      {objects(word(""), told("")), objects(word("latest"), told("")), "restore Restored"},
		"a new KafkaBackup":             {objects(told("")), objects(word("latest"), told("")), "restore Restored"},
		"a new ConfigMap":               {objects(told("")), objects(inConfigMap, told("")), "restore Restored"},
		"the namespace is opted in":     {objects(word(""), told("off")), objects(word(""), told("latest")), "restore Restored"},
		"opted out":                     {objects(word("off"), told("")), objects(word("off"), told("")), "allow OptedOut"},
		"nobody has said it":            {objects(word(""), told("")), objects(word(""), told("")), "allow NotOptedIn"},
		"the KafkaBackup's word is off": {objects(word("off"), told("")), objects(word("off"), told("latest")), "allow OptedOut"},
	} {
		t.Run(name, func(t *testing.T) {
			others := slices.DeleteFunc(surroundings(), func(o client.Object) bool {
				return o.GetNamespace() == namespace || o.GetName() == namespace
			})
			snapshot := hoursAgo(1).Obj()
			s := site{cached: append(append(slices.Clone(others), test.cached...), snapshot), live: append(append(slices.Clone(others), test.live...), snapshot)}
			answer := s.ask(t, recorded(t, strimziReview))
			audit := map[string]string{"decision": test.want}
			if strings.HasPrefix(test.want, "restore") {
				audit["snapshot"] = snapshot.Name
			}
			wantAnswer(t, answer, http.StatusOK, audit)
			if (answer.Patch != nil) != strings.HasPrefix(test.want, "restore") {
				t.Errorf("patch %s", answer.Patch)
			}
		})
	}
}

// TestWordIsNotKnown has an apiserver that does not answer: a claim does not start
// empty by a word that may be an old one.
func TestWordIsNotKnown(t *testing.T) {
	s := siteOf(hoursAgo(1))
	s.liveFaults = onRead("KafkaBackupList", func(context.Context) error { return errors.New("the apiserver is away") })
	answer := s.ask(t, reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) { pvc.Labels["strimzi.io/cluster"] = "other-cluster" }))
	if answer.Allowed || answer.Result.Code != http.StatusServiceUnavailable {
		t.Errorf("%+v", answer)
	}
}
