// Package history is what a chaos run's record says of each object: all of its
// versions in their true order, and the data that was on its volume.
package history

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// History is what happened.
type History struct {
	Layout     plan.Layout
	Start      record.Start
	Claims     []*Claim
	Snapshots  []*Snapshot
	Backups    map[string]*Life[v1alpha1.KafkaBackup] // by namespace and name
	Namespaces map[string]*Life[corev1.Namespace]
	Volumes    map[string]*Life[corev1.PersistentVolume]
	Admissions []record.Record
	Writes     []record.Record
	Steps      []record.Record
	Ended      []record.Record
	Effects    []record.Effect
	Kafka      Kafka
	End        time.Time // of the record

	claims    map[string]*Claim // by UID
	snapshots map[string]*Snapshot
	contents  map[string]*Life[snapshotv1.VolumeSnapshotContent]
	current   map[string]string // UID by kind, namespace and name
}

// Version is a version of an object.
type Version[T any] struct {
	Seq      int64
	Revision int64
	Time     time.Time // when it was heard of: later than it was written, if etcd was away
	Object   *T        // nil: it is gone
}

// Life is all versions of an object, or of those of one name.
type Life[T any] []Version[T]

// At is the version at a revision of etcd's; nil: there was none.
func (l Life[T]) At(revision int64) *T {
	var at *T
	for _, v := range l {
		if v.Revision <= revision {
			at = v.Object
		}
	}
	return at
}

// During calls each for the versions that were in force at some time from the time
// to the revision, until it returns false. It reports whether it was never false,
// and there was a version at the beginning.
func (l Life[T]) During(from time.Time, to int64, each func(*T) bool) bool {
	begun := false
	for i, v := range l {
		if v.Revision > to {
			break
		}
		if i+1 < len(l) && l[i+1].Revision <= to && !l[i+1].Time.After(from) {
			continue // the next one was in force before
		}
		begun = begun || !v.Time.After(from)
		if v.Object == nil || !each(v.Object) {
			return false
		}
	}
	return begun
}

// In are the versions that were in force at some time from the time to the revision; nil
// for when there was none.
func (l Life[T]) In(from time.Time, to int64) []*T {
	found := []*T{nil} // before the first
	for _, v := range l {
		if v.Revision > to {
			break
		}
		if !v.Time.After(from) {
			found = found[:0] // those were over
		}
		found = append(found, v.Object)
	}
	return found
}

// Claim is the life of a claim of a volume of the layout.
type Claim struct {
	UID, Namespace, Name string
	Volume               plan.Volume
	Life                 Life[corev1.PersistentVolumeClaim]
	Bound                *record.Bound // what was on its volume; nil: it was never seen bound
	BoundSeq             int64
	Wrote                []Wrote
}

// Wrote is a write that had ended at a time.
type Wrote struct {
	Number int64
	Time   time.Time
}

// First is the claim as it was created.
func (c *Claim) First() Version[corev1.PersistentVolumeClaim] { return c.Life[0] }

// Source is the name of the VolumeSnapshot that the claim was created from.
func (c *Claim) Source() string {
	if s := c.Life[0].Object.Spec.DataSource; s != nil {
		return s.Name
	}
	return ""
}

// Snapshot is the life of a VolumeSnapshot.
type Snapshot struct {
	UID, Namespace, Name string
	Volume               plan.Volume // empty key: of none in the layout
	Life                 Life[snapshotv1.VolumeSnapshot]

	said    string   // UID of the claim that it was taken from, by its own word at first
	origins []Origin // the first first
	content Life[snapshotv1.VolumeSnapshotContent]
}

// Read reads a record.
func Read(r io.Reader, layout plan.Layout) (*History, error) {
	h := &History{Layout: layout, Backups: map[string]*Life[v1alpha1.KafkaBackup]{}, Namespaces: map[string]*Life[corev1.Namespace]{},
		Volumes: map[string]*Life[corev1.PersistentVolume]{}, claims: map[string]*Claim{}, snapshots: map[string]*Snapshot{},
		contents: map[string]*Life[snapshotv1.VolumeSnapshotContent]{}, current: map[string]string{}}
	if err := record.Read(r, h.add); err != nil {
		return nil, err
	}
	h.findOrigins()
	return h, nil
}

func (h *History) add(r record.Record) error {
	h.End = r.Time
	switch {
	case r.Start != nil:
		h.Start = *r.Start
	case r.Admission != nil:
		h.Admissions = append(h.Admissions, r)
	case r.Write != nil:
		h.Writes = append(h.Writes, r)
	case r.Step != nil:
		h.Steps = append(h.Steps, r)
	case r.Effect != nil:
		h.Effects = append(h.Effects, *r.Effect)
	case r.Ended != nil:
		h.Ended = append(h.Ended, r)
	case r.Bound != nil:
		if c := h.claims[r.Bound.UID]; c != nil {
			c.Bound, c.BoundSeq = r.Bound, r.Seq
		}
	case r.Wrote != nil:
		if c := h.claims[r.Wrote.UID]; c != nil {
			c.Wrote = append(c.Wrote, Wrote{r.Wrote.Number, r.Time})
		}
	case r.Object != nil:
		return h.object(r)
	default:
		h.Kafka.add(r)
	}
	return nil
}

func (h *History) object(r record.Record) error {
	switch o := r.Object; o.Resource {
	case "persistentvolumeclaims":
		return h.claim(r)
	case "volumesnapshots":
		return h.snapshot(r)
	case "kafkabackups":
		return live(h.Backups, o.Namespace+"/"+o.Name, r)
	case "configmaps":
		return h.configMap(r)
	case "namespaces":
		return live(h.Namespaces, o.Name, r)
	case "persistentvolumes":
		return live(h.Volumes, o.Name, r)
	case "volumesnapshotcontents":
		return live(h.contents, o.Name, r)
	}
	return nil
}

// live adds a version to the life of the objects of a name.
func live[T any](lives map[string]*Life[T], key string, r record.Record) error {
	v, err := version[T](r)
	if err != nil {
		return err
	}
	if lives[key] == nil {
		lives[key] = &Life[T]{}
	}
	*lives[key] = append(*lives[key], v)
	return nil
}

func version[T any](r record.Record) (Version[T], error) {
	v := Version[T]{Seq: r.Seq, Revision: r.Object.Revision, Time: r.Time}
	if r.Object.Gone {
		return v, nil
	}
	v.Object = new(T)
	if err := json.Unmarshal(r.Object.Object, v.Object); err != nil {
		return v, fmt.Errorf("decode %s %s/%s: %w", r.Object.Resource, r.Object.Namespace, r.Object.Name, err)
	}
	return v, nil
}

func (h *History) claim(r record.Record) error {
	v, err := version[corev1.PersistentVolumeClaim](r)
	volume, ours := h.Layout.VolumeOf(r.Object.Namespace, r.Object.Name)
	if err != nil || !ours {
		return err
	}
	var meta *metav1.ObjectMeta
	if v.Object != nil {
		meta = &v.Object.ObjectMeta
	}
	uid := h.uid(r, meta)
	c := h.claims[uid]
	if c == nil {
		c = &Claim{UID: uid, Namespace: r.Object.Namespace, Name: r.Object.Name, Volume: volume}
		h.claims[uid] = c
		h.Claims = append(h.Claims, c)
	}
	c.Life = append(c.Life, v)
	return nil
}

func (h *History) snapshot(r record.Record) error {
	v, err := version[snapshotv1.VolumeSnapshot](r)
	if err != nil {
		return err
	}
	var meta *metav1.ObjectMeta
	if v.Object != nil {
		meta = &v.Object.ObjectMeta
	}
	uid := h.uid(r, meta)
	s := h.snapshots[uid]
	if s == nil {
		s = &Snapshot{UID: uid, Namespace: r.Object.Namespace, Name: r.Object.Name}
		if meta != nil {
			s.said = meta.Annotations[v1alpha1.AnnotationSourcePVCUID]
		}
		if from := v.Object; from != nil && from.Spec.Source.PersistentVolumeClaimName != nil {
			s.Volume, _ = h.Layout.VolumeOf(s.Namespace, *from.Spec.Source.PersistentVolumeClaimName)
		}
		h.snapshots[uid] = s
		h.Snapshots = append(h.Snapshots, s)
	}
	s.Life = append(s.Life, v)
	return nil
}

// uid is the UID of an object, also of one that is gone, of which etcd tells the name.
func (h *History) uid(r record.Record, meta *metav1.ObjectMeta) string {
	key := r.Object.Resource + "/" + r.Object.Namespace + "/" + r.Object.Name
	if meta != nil {
		h.current[key] = string(meta.UID)
	}
	return h.current[key]
}
