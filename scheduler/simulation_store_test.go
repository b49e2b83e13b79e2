package scheduler

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// ref names one object of the model's API.
type ref struct {
	kind reflect.Type // of the pointer
	name types.NamespacedName
}

func refOf(o client.Object) ref {
	return ref{reflect.TypeOf(o), client.ObjectKeyFromObject(o)}
}

func (r ref) String() string { return r.kind.Elem().Name() + " " + r.name.Name }

func (r ref) resource() schema.GroupResource {
	return schema.GroupResource{Resource: r.kind.Elem().Name()}
}

// objects are versions of objects, by kind, in the order of their names. A
// version never changes, nor does a list of them.
type objects map[reflect.Type][]client.Object

func (s objects) find(r ref) (int, bool) {
	return slices.BinarySearchFunc(s[r.kind], r.name, func(o client.Object, name types.NamespacedName) int {
		return compareNames(client.ObjectKeyFromObject(o), name)
	})
}

func (s objects) get(r ref) client.Object {
	if i, ok := s.find(r); ok {
		return s[r.kind][i]
	}
	return nil
}

func (s objects) put(r ref, o client.Object) {
	i, there := s.find(r)
	of := s[r.kind]
	rest := of[i:]
	if there {
		rest = of[i+1:]
	}
	if o == nil {
		s[r.kind] = slices.Concat(of[:i], rest)
	} else {
		s[r.kind] = slices.Concat(of[:i], []client.Object{o}, rest)
	}
}

// all lists the objects of a kind by name. They must not be changed.
func (s objects) all(kind reflect.Type) []client.Object { return s[kind] }

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// allOf lists the objects of a kind by name. They must not be changed.
func allOf[T client.Object](s objects) []T {
	var zero T
	found := s.all(reflect.TypeOf(zero))
	list := make([]T, len(found))
	for i, o := range found {
		list[i] = o.(T)
	}
	return list
}

// change is a version that was written; nil: the object was deleted.
type change struct {
	ref ref
	obj client.Object
	at  time.Time
}

// store is what the apiserver holds, with the order of all writes.
type store struct {
	objects
	log     []change
	written int // in all: a number for resourceVersions, UIDs and names
	now     func() time.Time
}

func (s *store) write(r ref, o client.Object) {
	s.put(r, o)
	s.log = append(s.log, change{r, o, s.now()})
}

func (s *store) version() string {
	s.written++
	return fmt.Sprint(s.written)
}

// create stores a new object, and fills in what the apiserver does.
func (s *store) create(o client.Object) error {
	if o.GetName() == "" {
		s.written++
		o.SetName(fmt.Sprintf("%s%05d", o.GetGenerateName(), s.written))
	}
	r := refOf(o)
	if s.get(r) != nil {
		return apierrors.NewAlreadyExists(r.resource(), o.GetName())
	}
	o.SetResourceVersion(s.version())
	o.SetUID(types.UID(fmt.Sprintf("uid-%06d", s.written)))
	o.SetCreationTimestamp(metav1.Time{Time: s.now().Truncate(time.Second)})
	o.SetGeneration(1)
	stored := o.DeepCopyObject().(client.Object)
	switch stored := stored.(type) {
	case *v1alpha1.KafkaBackup:
		stored.Status = v1alpha1.KafkaBackupStatus{}
	case *snapshotv1.VolumeSnapshot:
		stored.Status = nil
	case *corev1.PersistentVolumeClaim:
		stored.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	}
	s.write(r, stored)
	return nil
}

// update stores a new version of an object, which must be of the stored
// version if it names one. It takes only the status, or everything else.
func (s *store) update(o client.Object, status bool) error {
	r := refOf(o)
	old := s.get(r)
	if old == nil || o.GetUID() != "" && o.GetUID() != old.GetUID() {
		return apierrors.NewNotFound(r.resource(), o.GetName())
	}
	if o.GetResourceVersion() != "" && o.GetResourceVersion() != old.GetResourceVersion() {
		return apierrors.NewConflict(r.resource(), o.GetName(), fmt.Errorf("the object has been modified"))
	}
	merged := old.DeepCopyObject().(client.Object)
	if status {
		copyStatus(merged, o)
	} else {
		merged = o.DeepCopyObject().(client.Object)
		copyStatus(merged, old)
		merged.SetUID(old.GetUID())
		merged.SetCreationTimestamp(old.GetCreationTimestamp())
		merged.SetDeletionTimestamp(old.GetDeletionTimestamp())
		merged.SetGeneration(old.GetGeneration())
		if a, ok := old.(*v1alpha1.KafkaBackup); ok && !equality.Semantic.DeepEqual(a.Spec, merged.(*v1alpha1.KafkaBackup).Spec) {
			merged.SetGeneration(old.GetGeneration() + 1)
		}
	}
	s.replace(merged)
	return nil
}

// replace stores a new version as it is.
func (s *store) replace(o client.Object) {
	if o.GetDeletionTimestamp() != nil && len(o.GetFinalizers()) == 0 {
		s.write(refOf(o), nil)
		return
	}
	o.SetResourceVersion(s.version())
	s.write(refOf(o), o)
}

// change stores a changed copy of an object, status included.
func mutate[T client.Object](s *store, o T, f func(T)) T {
	c := s.get(refOf(o)).DeepCopyObject().(T)
	f(c)
	s.replace(c)
	return c
}

func copyStatus(to, from client.Object) {
	switch to := to.(type) {
	case *v1alpha1.KafkaBackup:
		to.Status = *from.(*v1alpha1.KafkaBackup).Status.DeepCopy()
	case *snapshotv1.VolumeSnapshot:
		to.Status = from.(*snapshotv1.VolumeSnapshot).Status.DeepCopy()
	case *corev1.PersistentVolumeClaim:
		to.Status = *from.(*corev1.PersistentVolumeClaim).Status.DeepCopy()
	}
}

// remove deletes an object under preconditions; one with finalizers terminates.
func (s *store) remove(r ref, pre *metav1.Preconditions) error {
	o := s.get(r)
	if o == nil {
		return apierrors.NewNotFound(r.resource(), r.name.Name)
	}
	if pre != nil && (pre.UID != nil && *pre.UID != o.GetUID() || pre.ResourceVersion != nil && *pre.ResourceVersion != o.GetResourceVersion()) {
		return apierrors.NewConflict(r.resource(), r.name.Name, fmt.Errorf("the preconditions do not hold"))
	}
	if len(o.GetFinalizers()) == 0 {
		s.write(r, nil)
	} else if o.GetDeletionTimestamp() == nil {
		c := o.DeepCopyObject().(client.Object)
		c.SetDeletionTimestamp(&metav1.Time{Time: s.now().Truncate(time.Second)})
		s.replace(c)
	}
	return nil
}

// lagging is a cache with the state of an earlier time. It never goes back.
type lagging struct {
	objects
	of  *store
	pos int // writes that it has seen

	saw func(ref, client.Object) // is told of each change; nil: nobody wants to know
}

func (c *lagging) behind() int { return len(c.of.log) - c.pos }

// advance shows it the next n writes, and all that are older than the time.
func (c *lagging) advance(n int, before time.Time) {
	for ; c.pos < len(c.of.log) && (n > 0 || c.of.log[c.pos].at.Before(before)); n-- {
		seen := c.of.log[c.pos]
		c.put(seen.ref, seen.obj)
		if c.saw != nil {
			c.saw(seen.ref, seen.obj)
		}
		c.pos++
	}
}
