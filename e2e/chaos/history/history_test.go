package history

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
)

// TestIn has three versions, of which the last is its end.
func TestIn(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	one, two := &corev1.Namespace{}, &corev1.Namespace{}
	life := Life[corev1.Namespace]{{Revision: 1, Time: at(10), Object: one}, {Revision: 2, Time: at(20), Object: two}, {Revision: 3, Time: at(30)}}
	for _, test := range []struct {
		from time.Time
		to   int64
		want []*corev1.Namespace
	}{
		{at(0), 9, []*corev1.Namespace{nil, one, two, nil}},
		{at(10), 9, []*corev1.Namespace{one, two, nil}},
		{at(15), 2, []*corev1.Namespace{one, two}},
		{at(25), 2, []*corev1.Namespace{two}},
		{at(40), 9, []*corev1.Namespace{nil}},
	} {
		got := life.In(test.from, test.to)
		same := len(got) == len(test.want)
		for i := range got {
			same = same && got[i] == test.want[i]
		}
		if !same {
			t.Errorf("from %s to %d: %v, want %v", test.from, test.to, got, test.want)
		}
	}
}

// TestGeneration restores a volume twice.
func TestGeneration(t *testing.T) {
	h := &History{claims: map[string]*Claim{}}
	claim := func(uid, source string) *Claim {
		pvc := &corev1.PersistentVolumeClaim{}
		if source != "" {
			pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Name: source}
		}
		c := &Claim{UID: uid, Namespace: "kafka", Life: Life[corev1.PersistentVolumeClaim]{{Revision: 5, Object: pvc}}}
		h.claims[uid] = c
		return c
	}
	for name, of := range map[string]string{"a": "one", "b": "two"} {
		vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Name: name}}
		h.Snapshots = append(h.Snapshots, &Snapshot{Namespace: "kafka", Name: name, said: of, Life: Life[snapshotv1.VolumeSnapshot]{{Revision: 4, Object: vs}}})
	}
	first, second, third, odd := claim("one", ""), claim("two", "a"), claim("three", "b"), claim("four", "gone")
	for want, c := range []*Claim{first, second, third} {
		if got := h.Generation(c); got != want {
			t.Errorf("claim %s is of generation %d, want %d", c.UID, got, want)
		}
	}
	if got := h.Generation(odd); got != 0 {
		t.Errorf("a claim whose snapshot is not known is of generation %d", got)
	}
}

// TestIsLost has the content of a snapshot lost, and made again in vain.
func TestIsLost(t *testing.T) {
	if (&Snapshot{}).IsLost(9) {
		t.Error("what nobody knows is not lost")
	}
	taken := &snapshotv1.VolumeSnapshotContent{Status: &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: new("taken")}}
	s := Snapshot{content: Life[snapshotv1.VolumeSnapshotContent]{{Revision: 2, Object: taken}, {Revision: 5}, {Revision: 7, Object: &snapshotv1.VolumeSnapshotContent{}}}}
	for revision, want := range map[int64]bool{3: false, 5: true, 8: true} {
		if s.IsLost(revision) != want {
			t.Errorf("lost at %d: %t expected", revision, want)
		}
	}
}

// TestOriginAt has the content of a snapshot made again after it was lost.
func TestOriginAt(t *testing.T) {
	unknown := Snapshot{said: "one"}
	if got := unknown.OriginAt(9); got.Claim != "one" || got.Handle != "" {
		t.Errorf("without a content: %+v", got)
	}
	s := Snapshot{said: "one", origins: []Origin{{3, "first", "one"}, {7, "second", "two"}}}
	for revision, want := range map[int64]string{1: "first", 3: "first", 6: "first", 7: "second", 9: "second"} {
		if got := s.OriginAt(revision); got.Handle != want {
			t.Errorf("at %d: %+v, want %s", revision, got, want)
		}
	}
}
