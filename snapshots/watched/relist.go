package watched

import (
	"io"
	"sync/atomic"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// relist is a list of all snapshots on its way into the catalog.
type relist struct {
	*snapshots.Relist
	count int
}

func (c *Snapshots) relist() *relist {
	c.mu.RLock()
	defer c.mu.RUnlock()
	before := c.known
	if before == nil {
		before = &snapshots.Catalog{}
	}
	return &relist{Relist: before.Relist()}
}

// list returns a catalog of the objects of a list, and how many they are.
func (c *Snapshots) list(items []any) (*snapshots.Catalog, int) {
	begun := c.begun
	if c.begun = nil; begun != nil && begun.ended.Load() {
		list := begun.list
		begun.list = nil // the watch goes on for minutes, and would hold the catalog before
		return list.Done(), list.count
	}
	list := c.relist()
	for _, item := range items {
		list.put(c.parsedOf(item))
	}
	return list.Done(), list.count
}

func (l *relist) put(p *parsed) {
	l.count++
	switch s := p.snapshot; {
	case s == nil: // not Snapback's any more
		l.Delete(p.NamespacedName)
	case !l.Keep(p.NamespacedName, s.UID, s.ResourceVersion):
		l.Put(p.Namespace, *s)
	}
}

// initial is a watch that begins with all snapshots, and puts these into a list. Without
// it, a reflector would hold all of them until the last one is there.
type initial struct {
	watch.Interface
	store *Snapshots
	list  *relist
	ended atomic.Bool // all of them are in the list
}

// listed is the object that a reflector sees in the place of each snapshot that was put
// into a list. It has to know that something still comes.
var listed = &snapshotv1.VolumeSnapshot{}

// Intercept implements [Interceptor].
func (c *Snapshots) Intercept(w watch.Interface) watch.Interface {
	c.begun = &initial{Interface: w, store: c, list: c.relist()}
	return watch.NewStreamWatcher(c.begun, undecodable)
}

// Decode implements [watch.Decoder].
func (i *initial) Decode() (watch.EventType, runtime.Object, error) {
	e, open := <-i.ResultChan()
	if !open {
		return "", nil, io.EOF
	}
	if vs, ok := e.Object.(*snapshotv1.VolumeSnapshot); ok && !i.ended.Load() && i.take(e.Type, vs) {
		return watch.Added, listed, nil
	}
	return e.Type, e.Object, nil
}

// take puts the snapshot of an event into the list; false: the event is not about a
// snapshot.
func (i *initial) take(what watch.EventType, vs *snapshotv1.VolumeSnapshot) bool {
	switch key := client.ObjectKeyFromObject(vs); what {
	case watch.Added, watch.Modified:
		if i.list.Keep(key, vs.UID, vs.ResourceVersion) {
			i.list.count++
		} else {
			p, _ := i.store.parse(vs) // it never fails
			i.list.put(p.(*parsed))
		}
	case watch.Deleted:
		i.list.Delete(key)
	case watch.Bookmark:
		i.ended.Store(vs.Annotations[metav1.InitialEventsAnnotationKey] == "true")
		return false
	default:
		return false
	}
	return true
}

// Close implements [watch.Decoder].
func (i *initial) Close() { i.Stop() }
