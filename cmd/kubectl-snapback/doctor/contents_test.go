package doctor

import (
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

func TestContents(t *testing.T) {
	content := func(namespace, snapshot, uid string) snapshotv1.VolumeSnapshotContent {
		return snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: "snapcontent-" + uid},
			Spec: snapshotv1.VolumeSnapshotContentSpec{VolumeSnapshotRef: corev1.ObjectReference{Namespace: namespace, Name: snapshot, UID: types.UID(uid)}}}
	}
	ours := snapshots.Name("data-0", "hourly", now)
	turned, going := content("kafka", "renamed", "gone"), content("kafka", ours, "gone")
	turned.Annotations = map[string]string{v1alpha1.AnnotationRetained: "x"}
	going.DeletionTimestamp = &metav1.Time{Time: now}
	for name, test := range map[string]struct {
		content snapshotv1.VolumeSnapshotContent
		state   State
		text    string
	}{
		"its snapshot is there":    {content("kafka", ours, "there"), OK, ""},
		"its snapshot is gone":     {content("kafka", ours, "gone"), Warning, "snapcontent-gone (of kafka/" + ours + ")"},
		"another's":                {content("kafka", "nightly", "gone"), OK, ""},
		"was to be pruned":         {turned, Warning, "kafka/renamed"},
		"is going":                 {going, OK, ""},
		"of a namespace of others": {content("other", ours, "gone"), OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, judgeContents([]snapshotv1.VolumeSnapshotContent{test.content}, map[types.UID]bool{"there": true}, "kafka"), test.state, test.text)
		})
	}
}
