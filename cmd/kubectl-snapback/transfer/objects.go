package transfer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// passing are the annotations that are not exported: they say what happens in
// this cluster.
var passing = []string{v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationStartEmptyUntil, v1alpha1.AnnotationRestoring, v1alpha1.AnnotationDrillFailed}

// Export returns the entry of a snapshot and its content in the document; false if
// there is nothing to restore elsewhere yet, or not for long.
func Export(vs *snapshotv1.VolumeSnapshot, content *snapshotv1.VolumeSnapshotContent) (Snapshot, bool) {
	s, err := snapshots.NewSnapshot(vs)
	if err != nil || !Exportable(s) || content.Status == nil || ptr.Deref(content.Status.SnapshotHandle, "") == "" {
		return Snapshot{}, false
	}
	out := Snapshot{
		Namespace: vs.Namespace, Name: vs.Name, Labels: maps.Clone(vs.Labels), Annotations: map[string]string{},
		Content: Content{
			Driver:           content.Spec.Driver,
			SnapshotHandle:   *content.Status.SnapshotHandle,
			CreationTime:     s.Cut.UTC(),
			SourceVolumeMode: content.Spec.SourceVolumeMode,
			DeletionPolicy:   content.Spec.DeletionPolicy,
			ClassName:        ptr.Deref(vs.Spec.VolumeSnapshotClassName, ""),
		},
	}
	for key, value := range vs.Annotations {
		if strings.HasPrefix(key, v1alpha1.Domain) && !slices.Contains(passing, key) {
			out.Annotations[key] = value
		}
	}
	if vs.Status.RestoreSize != nil {
		out.Content.RestoreSize = vs.Status.RestoreSize.String()
	}
	return out, true
}

// Exportable reports whether the snapshot is ready and will not be deleted soon.
func Exportable(s snapshots.Snapshot) bool {
	_, pruning := s.Annotations[v1alpha1.AnnotationPruning]
	return s.Ready && !s.Cut.IsZero() && !s.Deleting && !pruning
}

// Pair holds the two objects that an import creates for a snapshot.
type Pair struct {
	Content  *snapshotv1.VolumeSnapshotContent
	Snapshot *snapshotv1.VolumeSnapshot
}

// Import returns the objects for a snapshot of a document, in the given namespace,
// or in its own if that is empty. The class may be empty.
func Import(s Snapshot, namespace, class string) (Pair, error) {
	namespace = cmp.Or(namespace, s.Namespace)
	volume, err := s.volume()
	if err != nil {
		return Pair{}, err
	}
	volume.Namespace = namespace
	vs := &snapshotv1.VolumeSnapshot{}
	vs.Namespace, vs.Name = namespace, s.Name
	vs.Labels, vs.Annotations = maps.Clone(s.Labels), maps.Clone(s.Annotations)
	vs.Labels[v1alpha1.LabelVolume] = volume.Hash()
	vs.Annotations[v1alpha1.AnnotationImported] = v1alpha1.ValueTrue
	vs.Annotations[v1alpha1.AnnotationCutTime] = s.Content.CreationTime.UTC().Format(time.RFC3339)
	if s.Content.RestoreSize != "" && vs.Annotations[v1alpha1.AnnotationCapacity] == "" {
		vs.Annotations[v1alpha1.AnnotationCapacity] = s.Content.RestoreSize
	}
	content := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{
		Driver:            s.Content.Driver,
		DeletionPolicy:    snapshotv1.VolumeSnapshotContentRetain,
		Source:            snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: &s.Content.SnapshotHandle},
		SourceVolumeMode:  s.Content.SourceVolumeMode,
		VolumeSnapshotRef: corev1.ObjectReference{APIVersion: snapshotv1.SchemeGroupVersion.String(), Kind: "VolumeSnapshot", Namespace: namespace, Name: s.Name},
	}}
	content.Name = contentName(s, namespace)
	content.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	vs.Spec.Source.VolumeSnapshotContentName = &content.Name
	if class != "" {
		vs.Spec.VolumeSnapshotClassName, content.Spec.VolumeSnapshotClassName = &class, &class
	}
	return Pair{content, vs}, nil
}

// contentName returns the name of the content. It is always the same for the same
// stored snapshot in the same namespace.
func contentName(s Snapshot, namespace string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{s.Content.Driver, s.Content.SnapshotHandle, namespace, s.Name}, "\n")))
	return "snapback-" + hex.EncodeToString(sum[:])[:40]
}
