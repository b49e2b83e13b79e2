package live

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func forbidden(resource string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
}

var away = &url.Error{Op: "Get", URL: "https://apiserver", Err: errors.New("connection lost")}

func backup(name string) client.Object { return snapshotstest.NewBackup(name, "kafka", "csi").Obj() }

// TestListedOnce lists each kind once, and knows of changes from then on, of many at
// once about once a second.
func TestListedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApiserver(snapshotstest.StatefulSetClaim("kafka", 0).Obj())
		l := begin(t, a, snapshotstest.Namespace)
		before := l.Version()
		for n := range 20 {
			if err := a.Create(t.Context(), backup(fmt.Sprint("b", n))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * between)
		i, err := l.Inventory()
		if err != nil || len(i.Backups) != 20 || len(i.Volumes) != 1 {
			t.Fatalf("%v, %v", i, err)
		}
		if made := l.Version() - before; made < 1 || made > 2 {
			t.Errorf("the inventory was made %d times", made)
		}
		version := l.Version()
		time.Sleep(10 * time.Minute)
		if l.Version() != version {
			t.Error("the inventory was made anew without a change")
		}
		for _, kind := range []string{"Namespace", "StorageClass", "StatefulSet", "ConfigMap", "KafkaBackup", "PersistentVolumeClaim", "VolumeSnapshot"} {
			if n := a.count("list " + kind); n != 1 {
				t.Errorf("%s was listed %d times", kind, n)
			}
		}
		if err := a.Delete(t.Context(), backup("b0")); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Wait(t.Context(), version); err != nil {
			t.Fatal(err)
		}
		if i, _ := l.Inventory(); len(i.Backups) != 19 {
			t.Errorf("%d backups after one was deleted", len(i.Backups))
		}
		if stale := l.Stale(time.Now()); len(stale) > 0 {
			t.Errorf("stale: %v", stale)
		}
	})
}

// TestForbidden has kinds that one may not list. Some can be done without; of others the
// inventory's own words say so. None is asked for in a loop.
func TestForbidden(t *testing.T) {
	for name, test := range map[string]struct {
		fails map[string]error
		want  string // of the error; empty: none
	}{
		"what can be done without": {map[string]error{"list StorageClass": forbidden("storageclasses"), "list StatefulSet": forbidden("statefulsets")}, ""},
		"claims":                   {map[string]error{"list PersistentVolumeClaim": forbidden("persistentvolumeclaims")}, "list the claims"},
		"no CRD":                   {map[string]error{"list KafkaBackup": &meta.NoKindMatchError{GroupKind: v1alpha1.GroupVersion.WithKind("KafkaBackup").GroupKind()}}, "list the kafkabackups"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApiserver(backup("b"))
				a.fails = test.fails
				l := begin(t, a, snapshotstest.Namespace)
				i, err := l.Inventory()
				if test.want == "" && (err != nil || len(i.Backups) != 1) || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("%v, %v", i, err)
				}
				time.Sleep(later - time.Minute)
				for what := range test.fails {
					if n := a.count(what); n != 1 {
						t.Errorf("%s: asked %d times", what, n)
					}
				}
				for what := range test.fails { // somebody grants it
					a.fail(what, nil)
				}
				time.Sleep(2 * time.Minute)
				if i, err := l.Inventory(); err != nil || len(i.Backups) != 1 {
					t.Errorf("afterwards: %v, %v", i, err)
				}
			})
		})
	}
}

// TestNamespaceByName reads a namespace that one may only read by its name, and again
// each minute.
func TestNamespaceByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApiserver(snapshotstest.StatefulSetClaim("kafka", 0).Obj())
		a.fail("list Namespace", forbidden("namespaces"))
		l := begin(t, a, snapshotstest.Namespace)
		i, err := l.Inventory()
		if err != nil || len(i.Notes) > 0 {
			t.Fatalf("%v, %v", i, err)
		}
		reason := i.IfLost(&i.Volumes[0], time.Now()).Reason
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace, Annotations: map[string]string{v1alpha1.AnnotationRestore: "latest"}}}
		if err := a.Update(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * kept)
		if i, _ := l.Inventory(); i.IfLost(&i.Volumes[0], time.Now()).Reason == reason {
			t.Errorf("still %s", reason)
		}
	})
}

// TestWithoutWatch reads a kind that one may list and not watch again after a while.
func TestWithoutWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApiserver(backup("b"))
		a.fail("watch KafkaBackup", forbidden("kafkabackups"))
		l := begin(t, a, snapshotstest.Namespace)
		if stale := l.Stale(time.Now()); len(stale) != 1 || !strings.Contains(stale[0], "kafkabackups may not be watched") {
			t.Errorf("stale: %q", stale)
		}
		if err := a.Create(t.Context(), backup("c")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(later + time.Minute)
		if i, err := l.Inventory(); err != nil || len(i.Backups) != 2 {
			t.Errorf("%v, %v", i, err)
		}
		if n := a.count("list KafkaBackup"); n != 2 {
			t.Errorf("listed %d times", n)
		}
	})
}

// TestAway has an apiserver that goes away and comes back: what was known stays, the age
// is said, and nothing is listed again.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApiserver(backup("b"))
		l := begin(t, a, snapshotstest.Namespace)
		version := l.Version()
		time.Sleep(time.Minute) // shorter watches count as errors
		a.fail("", away)
		a.breakOff()
		time.Sleep(10 * time.Minute)
		if i, err := l.Inventory(); err != nil || len(i.Backups) != 1 {
			t.Errorf("%v, %v", i, err)
		}
		stale := l.Stale(time.Now())
		if !slices.ContainsFunc(stale, func(s string) bool {
			return strings.HasPrefix(s, "the volumesnapshots are what they were 10m ago: ") && strings.Contains(s, "connection lost")
		}) {
			t.Errorf("stale: %q", stale)
		}
		if l.Version() == version {
			t.Error("nobody was told that it is stale")
		}
		a.fail("", nil)
		time.Sleep(time.Minute)
		if stale := l.Stale(time.Now()); len(stale) > 0 {
			t.Errorf("still stale: %q", stale)
		}
		if n := a.count("list VolumeSnapshot"); n != 1 {
			t.Errorf("listed %d times", n)
		}
		if err := a.Create(t.Context(), backup("c")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * between)
		if i, _ := l.Inventory(); len(i.Backups) != 2 {
			t.Errorf("%d backups after it came back", len(i.Backups))
		}
	})
}

// TestNeverThere starts while the apiserver is away.
func TestNeverThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApiserver(backup("b"))
		a.fail("", away)
		l := begin(t, a, "")
		if _, err := l.Inventory(); err == nil || !strings.Contains(err.Error(), "connection lost") {
			t.Errorf("%v", err)
		}
		a.fail("", nil)
		time.Sleep(time.Minute)
		if i, err := l.Inventory(); err != nil || len(i.Backups) != 1 {
			t.Errorf("%v, %v", i, err)
		}
	})
}

// TestReadAgain makes the inventory anew after one object could not be read, also when
// nothing changes.
func TestReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApiserver(backup("b"))
		a.fail("list Namespace", forbidden("namespaces")) // so that the one is read
		a.fail("get Namespace", away)
		l := begin(t, a, snapshotstest.Namespace)
		if _, err := l.Inventory(); err == nil || !strings.Contains(err.Error(), "connection lost") {
			t.Errorf("%v", err)
		}
		a.fail("get Namespace", nil)
		time.Sleep(kept + between)
		if i, err := l.Inventory(); err != nil || len(i.Backups) != 1 {
			t.Errorf("%v, %v", i, err)
		}
	})
}

// TestLean keeps nothing of an object that no inventory reads.
func TestLean(t *testing.T) {
	t.Parallel()
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: "{}", v1alpha1.AnnotationHold: "kept"},
	}}
	set.Spec.Template.Spec.NodeName = "node"
	o, err := lean(set)
	got, ok := o.(*appsv1.StatefulSet)
	if err != nil || !ok || got.ManagedFields != nil || len(got.Annotations) != 1 || got.Spec.Template.Spec.NodeName != "" {
		t.Errorf("%v, %v", o, err)
	}
}
