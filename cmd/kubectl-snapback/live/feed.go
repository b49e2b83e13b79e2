package live

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// later is how long a kind is left alone that may not be read or watched, or that the
// cluster does not know.
const later = 5 * time.Minute

// feed keeps the objects of one kind up to date. It is the store of a reflector.
type feed struct {
	watched.Follower
	changed func() // is called after each change, of the objects or of whether they are up to date

	mu      sync.Mutex
	objects map[client.ObjectKey]client.Object // nil: they were never listed
	err     error                              // the last answer, if it was an error
	since   time.Time                          // when the errors began
	stop    context.CancelFunc                 // ends the reflector
}

var _ toolscache.TransformingStore = &feed{}

func newFeed(c client.WithWatch, name string, kind client.Object, list func() client.ObjectList, changed func(), match ...client.ListOption) *feed {
	f := &feed{changed: changed}
	f.Follower = watched.Follower{Client: &asked{c, f}, Name: name, Kind: kind, List: list, Match: match}
	return f
}

// run follows the objects until the context ends. What may not be read is asked for
// again only after a while.
func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		following, stop := context.WithCancel(ctx)
		f.mu.Lock()
		f.stop = stop
		f.mu.Unlock()
		f.Follow(following, f)
		stop()
		pause := time.NewTimer(later)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// heard records an answer of the apiserver.
func (f *feed) heard(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if permanent(err) {
		f.stop()
	}
	if (err == nil) == (f.err == nil) && (err == nil || err.Error() == f.err.Error()) {
		return
	}
	if f.err == nil {
		f.since = time.Now()
	}
	f.err = err
	f.changed()
}

// answered reports whether the apiserver has said what there is, or why not.
func (f *feed) answered() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects != nil || f.err != nil
}

// stale returns, in words, why the objects are not up to date; empty: they are. Those
// that were never listed are known to be missing otherwise.
func (f *feed) stale(now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err == nil || f.objects == nil:
		return ""
	case apierrors.IsForbidden(f.err):
		return fmt.Sprintf("the %s may not be watched, and are read every %.0f minutes: %s", f.Name, later.Minutes(), oneLine(f.err))
	}
	return fmt.Sprintf("the %s are what they were %s: %s", f.Name, inventory.Ago(f.since, now), oneLine(f.err))
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// all returns the objects by namespace and name. It is an error if they were never
// listed.
func (f *feed) all() ([]client.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.objects == nil {
		return nil, cmp.Or(f.err, ErrReading)
	}
	return slices.SortedFunc(maps.Values(f.objects), func(a, b client.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	}), nil
}

// one returns an object; nil: there is none.
func (f *feed) one(key client.ObjectKey) (client.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.objects == nil {
		return nil, cmp.Or(f.err, ErrReading)
	}
	return f.objects[key], nil
}

// Transformer implements [toolscache.TransformingStore].
func (f *feed) Transformer() toolscache.TransformFunc { return lean }

// Replace implements [toolscache.ReflectorStore].
func (f *feed) Replace(items []any, _ string) error {
	fresh := make(map[client.ObjectKey]client.Object, len(items))
	for _, item := range items {
		if o, ok := watched.Kept(item, lean).(client.Object); ok {
			fresh[client.ObjectKeyFromObject(o)] = o
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.objects = fresh
	f.changed()
	return nil
}

// Add implements [toolscache.ReflectorStore].
func (f *feed) Add(item any) error {
	f.put(item, func(key client.ObjectKey, o client.Object) { f.objects[key] = o })
	return nil
}

// Update implements [toolscache.ReflectorStore].
func (f *feed) Update(item any) error { return f.Add(item) }

// Delete implements [toolscache.ReflectorStore].
func (f *feed) Delete(item any) error {
	f.put(item, func(key client.ObjectKey, _ client.Object) { delete(f.objects, key) })
	return nil
}

func (f *feed) put(item any, change func(client.ObjectKey, client.Object)) {
	o, ok := watched.Kept(item, lean).(client.Object)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	change(client.ObjectKeyFromObject(o), o)
	f.changed()
}

// Resync implements [toolscache.ReflectorStore]; there is nothing to do.
func (f *feed) Resync() error { return nil }
