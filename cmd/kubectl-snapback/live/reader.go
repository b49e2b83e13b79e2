package live

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// kept is how long an object is known that cannot be watched, such as an operator's.
const kept = time.Minute

// reader is the client that [inventory.Load] reads with. Lists come from the feeds, and
// are not to be changed. So do single objects if their kind has a feed that works;
// others are read from the apiserver, once a minute at most.
type reader struct {
	client.Client
	feeds map[reflect.Type]*feed // by the types of their objects and of their lists

	mu   sync.Mutex
	read map[question]*result
}

type question struct {
	kind schema.GroupVersionKind
	key  client.ObjectKey
}

type result struct {
	object client.Object // nil: there is none
	err    error         // of an answer
	old    bool          // it is read again, and only taken if that fails
}

func newReader(c client.Client, feeds []*feed) *reader {
	r := &reader{Client: c, feeds: map[reflect.Type]*feed{}, read: map[question]*result{}}
	for _, f := range feeds {
		r.feeds[reflect.TypeOf(f.Kind)] = f
		r.feeds[reflect.TypeOf(f.Follower.List())] = f
	}
	return r
}

// List implements [client.Reader]. The options are those that the feed watches with.
func (r *reader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	f := r.feeds[reflect.TypeOf(list)]
	if f == nil {
		return fmt.Errorf("list %T: it is not watched", list)
	}
	all, err := f.all()
	if err != nil {
		return err
	}
	objects := make([]runtime.Object, len(all))
	for n, o := range all {
		objects[n] = o
	}
	return meta.SetList(list, objects)
}

// Get implements [client.Reader].
func (r *reader) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if f := r.feeds[reflect.TypeOf(into)]; f != nil {
		if o, err := f.one(key); err == nil {
			if o == nil {
				return apierrors.NewNotFound(schema.GroupResource{Resource: f.Name}, key.Name)
			}
			assign(into, o)
			return nil
		}
	}
	kind, err := r.GroupVersionKindFor(into)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	asked := question{kind, key}
	r.mu.Lock()
	known := r.read[asked]
	r.mu.Unlock()
	if known != nil && !known.old {
		return known.answer(into)
	}
	err = r.Client.Get(ctx, key, into, options...)
	if err != nil && !answer(err) { // the apiserver is away
		if known != nil {
			return known.answer(into)
		}
		return err
	}
	fresh := &result{err: err}
	if err == nil {
		fresh.object = into.DeepCopyObject().(client.Object)
	}
	r.mu.Lock()
	r.read[asked] = fresh
	r.mu.Unlock()
	return err
}

func (k *result) answer(into client.Object) error {
	if k.err == nil {
		assign(into, k.object)
	}
	return k.err
}

// assign sets an object to another one of its type.
func assign(into, from client.Object) {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(from).Elem())
}

// forget lets all that is known for a while be read again, and reports whether there
// was any.
func (r *reader) forget() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, known := range r.read {
		if known.old { // nobody has asked since
			delete(r.read, key)
			continue
		}
		known.old = true
	}
	return len(r.read) > 0
}
