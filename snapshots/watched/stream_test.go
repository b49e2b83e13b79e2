package watched_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"testing"
	"testing/synctest"
	"unsafe"
	"weak"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// clientOf returns a client of an apiserver that answers so.
func clientOf(t *testing.T, answer http.HandlerFunc) client.WithWatch {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	one, err := cluster.New(&rest.Config{Host: server.URL}, func(o *cluster.Options) {
		o.Scheme = api.NewScheme()
		o.MapperProvider = func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return meta.NewDefaultRESTMapper(nil), nil }
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := watched.NewClient(one)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStream has all that an apiserver sends: a snapshot comes as it is, but for who has
// set which of its fields, and the reason for an end comes as a Status.
func TestStream(t *testing.T) {
	sent := taken(0, 1, "hourly")
	sent.DeletionTimestamp, sent.Finalizers = &metav1.Time{Time: noon}, []string{"a"}
	sent.Status.Error = &snapshotv1.VolumeSnapshotError{Message: new(string)}
	gone := apierrors.NewResourceExpired("too old").ErrStatus
	gone.Kind, gone.APIVersion, gone.Details = "Status", "v1", &metav1.StatusDetails{RetryAfterSeconds: 3}
	asked := make(chan string, 1)
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.String()
		owned := sent.DeepCopy()
		owned.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "m", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}}
		for _, e := range []map[string]any{{"type": "ADDED", "object": owned}, {"object": owned, "type": "DELETED"}, {"type": "ERROR", "object": gone}} {
			text, _ := json.Marshal(e)
			fmt.Fprintf(w, "%s\n", text)
		}
	})
	options := &metav1.ListOptions{ResourceVersion: "7", AllowWatchBookmarks: true}
	w, err := c.Watch(t.Context(), &snapshotv1.VolumeSnapshotList{}, client.InNamespace("ns"), client.MatchingLabels{"a": "b"}, &client.ListOptions{Raw: options})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if got, want := <-asked, "/apis/snapshot.storage.k8s.io/v1/namespaces/ns/volumesnapshots?allowWatchBookmarks=true&labelSelector=a%3Db&resourceVersion=7&watch=true"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	for _, want := range []watch.EventType{watch.Added, watch.Deleted} {
		got := <-w.ResultChan()
		vs, ok := got.Object.(*snapshotv1.VolumeSnapshot)
		if got.Type != want || !ok {
			t.Fatalf("got %+v, want %s", got, want)
		}
		before, _ := json.Marshal(sent)
		if after, _ := json.Marshal(vs); string(after) != string(before) {
			t.Errorf("got  %s\nwant %s", after, before)
		}
	}
	last := <-w.ResultChan()
	gone.TypeMeta = metav1.TypeMeta{}
	if got, ok := last.Object.(*metav1.Status); last.Type != watch.Error || !ok || !reflect.DeepEqual(*got, gone) || !apierrors.IsResourceExpired(apierrors.FromObject(got)) {
		t.Errorf("the last is %+v", last)
	}
	if more, open := <-w.ResultChan(); open {
		t.Errorf("after the end: %+v", more)
	}
}

// TestStreamOfNonsense ends with an error, so that the follower asks again.
func TestStreamOfNonsense(t *testing.T) {
	for _, text := range []string{
		`{"type":"ADDED","object":{"metadata":[]}}`, `<html>`, `null`, `{"kind":"Status","code":500}`, `{"type":"SYNCED","object":{"metadata":{"resourceVersion":"7"}}}`,
		`{"type":"ADDED","object":null}`, `{"type":"ADDED","object":{"metadata":{"name":"without-version"}}}`, `{"type":"BOOKMARK","object":{}}`,
	} {
		c := clientOf(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, text) })
		w, err := c.Watch(t.Context(), &snapshotv1.VolumeSnapshotList{})
		if err != nil {
			t.Fatal(err)
		}
		if got := <-w.ResultChan(); got.Type != watch.Error {
			t.Errorf("%s: %+v", text, got)
		}
		if _, open := <-w.ResultChan(); open {
			t.Errorf("%s: goes on", text)
		}
		w.Stop()
	}
}

// TestStreamCutBeforeItBegins, as by a load balancer, ends with an error after which a
// reflector asks for the same watch again, and not for all snapshots.
func TestStreamCutBeforeItBegins(t *testing.T) {
	c := clientOf(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := c.Watch(t.Context(), &snapshotv1.VolumeSnapshotList{}); !apierrors.IsTooManyRequests(err) {
		t.Errorf("the error is %v", err)
	}
}

// TestStreamOfAnUnknownKind says that the apiserver does not serve it.
func TestStreamOfAnUnknownKind(t *testing.T) {
	c := clientOf(t, http.NotFound)
	if _, err := c.Watch(t.Context(), &snapshotv1.VolumeSnapshotList{}); !watched.UnknownKind(err) {
		t.Errorf("the error is %v", err)
	}
}

func weakly(store *watched.Snapshots) weak.Pointer[snapshots.Catalog] {
	known, _ := store.Known()
	return weak.Make(known)
}

// TestSecondList has a watch begin with all snapshots twice. What has not changed is what
// it was before, also in memory; the rest is as in the second list.
func TestSecondList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watches := make(chan *watch.FakeWatcher)
		c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
			Watch: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) (watch.Interface, error) {
				w := watch.NewFake()
				watches <- w
				return w, nil
			},
		}).Build()
		store := watched.NewSnapshots(c, snapshots.Snapshot.Watched)
		ctx, end := context.WithCancel(t.Context())
		defer end()
		go store.Start(ctx) //nolint:errcheck // it returns none
		hourly := types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "hourly"}
		own := func() []snapshots.Snapshot {
			synctest.Wait()
			known, err := store.Known()
			if err != nil {
				t.Fatal(err)
			}
			return known.Own(hourly).All
		}
		all := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "9", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}}
		cut := <-watches // it ends too early
		cut.Add(taken(9, 9, "hourly"))
		cut.Stop()
		first := <-watches
		for hour := range 3 {
			first.Add(taken(0, hour+1, "hourly"))
		}
		if _, err := store.Known(); err == nil {
			t.Error("known before all have come")
		}
		first.Action(watch.Bookmark, all)
		before := own()
		if len(before) != 3 {
			t.Fatalf("%d of 3 are known", len(before))
		}
		expired := apierrors.NewResourceExpired("too old resource version").ErrStatus
		first.Error(&expired)
		replaced := weakly(store)
		second := <-watches
		second.Add(taken(0, 3, "hourly"))
		moved := taken(0, 2, "hourly")
		moved.ResourceVersion = "8"
		second.Add(moved)
		second.Add(taken(0, 4, "hourly"))
		second.Delete(taken(0, 4, "hourly"))
		second.Add(taken(0, 6, "hourly"))
		foreign := taken(0, 6, "hourly")
		foreign.Labels = nil
		second.Modify(foreign)
		if len(own()) != 3 {
			t.Error("another catalog before all have come")
		}
		second.Action(watch.Bookmark, all)
		after := own()
		if len(after) != 2 || after[1].ResourceVersion != "8" {
			t.Fatalf("known: %+v", after)
		}
		if unsafe.StringData(after[0].Name) != unsafe.StringData(before[0].Name) {
			t.Error("an unchanged snapshot was read again")
		}
		if runtime.GC(); replaced.Value() != nil {
			t.Error("the catalog before is still in memory")
		}
		second.Add(taken(0, 5, "hourly"))
		if len(own()) != 3 {
			t.Error("a change after the list is not known")
		}
	})
}
