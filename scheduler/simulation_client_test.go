package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

var errDead = errors.New("the process is dead")

// taskKey is the key under which a context holds the name of the calling task.
type taskKey struct{}

// call is one request to the API that waits for its turn. Calls are executed one
// after another, in an order that the seed decides.
type call struct {
	name   string // the same in each repetition
	verb   string
	ref    ref
	reader bool
	obj    client.Object // that is created
	do     func() error
	done   chan error
}

// api is the model's API as one process of the scheduler sees it.
type api struct {
	client.Client // nil: what is not modelled panics
	world         *world
	term          *tenure
	cached        bool
}

// request waits until the world lets the call through.
func (a *api) request(ctx context.Context, verb string, r ref, detail string, do func() error) error {
	return a.send(ctx, verb, r, detail, nil, do)
}

func (a *api) send(ctx context.Context, verb string, r ref, detail string, o client.Object, do func() error) error {
	task, _ := ctx.Value(taskKey{}).(string)
	c := &call{name: strings.Join([]string{task, verb, r.String(), detail}, " "), verb: verb, ref: r, reader: verb == "get" || verb == "list", obj: o, do: do, done: make(chan error, 1)}
	if !a.term.enter(c) {
		return errDead
	}
	return <-c.done
}

func (a *api) source() objects {
	if a.cached {
		return a.term.cache.objects
	}
	return a.world.store.objects
}

func (a *api) Get(ctx context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	r := ref{reflect.TypeOf(into), key}
	return a.request(ctx, "get", r, fmt.Sprint(a.cached), func() error {
		o := a.source().get(r)
		if o == nil {
			return apierrors.NewNotFound(r.resource(), key.Name)
		}
		reflect.ValueOf(into).Elem().Set(reflect.ValueOf(o.DeepCopyObject()).Elem())
		return nil
	})
}

func (a *api) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	items := reflect.ValueOf(into).Elem().FieldByName("Items")
	kind := reflect.PointerTo(items.Type().Elem())
	return a.request(ctx, "list", ref{kind: kind}, fmt.Sprint(a.cached, sortedFields(o), o.LabelSelector), func() error {
		shared := a.cached && ptr.Deref(o.UnsafeDisableDeepCopy, false) // as the real cache has it
		found := reflect.MakeSlice(items.Type(), 0, 8)
		for _, item := range a.source().all(kind) {
			if o.Namespace != "" && item.GetNamespace() != o.Namespace || !a.matches(item, o) {
				continue
			}
			if !shared {
				item = item.DeepCopyObject().(client.Object)
			}
			found = reflect.Append(found, reflect.ValueOf(item).Elem())
		}
		items.Set(found)
		return nil
	})
}

// sortedFields names the field selector; several fields come in any order.
func sortedFields(o client.ListOptions) []string {
	if o.FieldSelector == nil {
		return nil
	}
	return slices.Sorted(strings.SplitSeq(o.FieldSelector.String(), ","))
}

// matches applies the selectors. Of the fields it knows the name, for which an apiserver
// needs no index.
func (a *api) matches(item client.Object, o client.ListOptions) bool {
	if o.LabelSelector != nil && !o.LabelSelector.Matches(labels.Set(item.GetLabels())) {
		return false
	}
	if o.FieldSelector == nil {
		return true
	}
	for _, want := range o.FieldSelector.Requirements() {
		if want.Field != "metadata.name" || a.cached {
			panic("no index " + want.Field + " of " + reflect.TypeOf(item).String())
		}
		if item.GetName() != want.Value {
			return false
		}
	}
	return true
}

func (a *api) Create(ctx context.Context, o client.Object, _ ...client.CreateOption) error {
	return a.send(ctx, "create", refOf(o), "", o, func() error {
		if err := a.world.store.create(o); err != nil {
			return err
		}
		a.world.created(o)
		return nil
	})
}

func (a *api) Update(ctx context.Context, o client.Object, _ ...client.UpdateOption) error {
	return a.request(ctx, "update", refOf(o), "", func() error { return a.store(o, o, false) })
}

func (a *api) Patch(ctx context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	return a.patch(ctx, o, p, false)
}

func (a *api) patch(ctx context.Context, o client.Object, p client.Patch, status bool) error {
	data, err := p.Data(o)
	if err != nil {
		return err
	}
	if p.Type() != types.MergePatchType {
		panic("only merge patches are modelled, not " + p.Type())
	}
	return a.request(ctx, "patch", refOf(o), string(data), func() error {
		old := a.world.store.get(refOf(o))
		if old == nil {
			return apierrors.NewNotFound(refOf(o).resource(), o.GetName())
		}
		patched, err := mergePatched(old, data)
		if err != nil {
			return err
		}
		return a.store(patched, o, status)
	})
}

// store updates an object, and copies the stored result into the caller's object.
func (a *api) store(o, into client.Object, status bool) error {
	if err := a.world.store.update(o, status); err != nil {
		return err
	}
	if now := a.world.store.get(refOf(o)); now != nil {
		reflect.ValueOf(into).Elem().Set(reflect.ValueOf(now.DeepCopyObject()).Elem())
	}
	return nil
}

// mergePatched applies a JSON merge patch (RFC 7386) to a copy of an object.
func mergePatched(o client.Object, patch []byte) (client.Object, error) {
	before, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var target, change map[string]any
	if err := errors.Join(json.Unmarshal(before, &target), json.Unmarshal(patch, &change)); err != nil {
		return nil, err
	}
	merge(target, change)
	after, err := json.Marshal(target)
	if err != nil {
		return nil, err
	}
	patched := reflect.New(reflect.TypeOf(o).Elem()).Interface().(client.Object)
	return patched, json.Unmarshal(after, patched)
}

func merge(target, change map[string]any) {
	for key, value := range change {
		child, isMap := value.(map[string]any)
		old, wasMap := target[key].(map[string]any)
		switch {
		case value == nil:
			delete(target, key)
		case isMap && wasMap:
			merge(old, child)
		case isMap:
			fresh := map[string]any{}
			merge(fresh, child)
			target[key] = fresh
		default:
			target[key] = value
		}
	}
}

func (a *api) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	options := client.DeleteOptions{}
	options.ApplyOptions(opts)
	r := refOf(o)
	return a.request(ctx, "delete", r, "", func() error {
		doomed := a.world.store.get(r)
		var why error
		if doomed != nil {
			why = a.world.mayDelete(doomed) // judged by the object before the delete
		}
		if err := a.world.store.remove(r, options.Preconditions); err != nil {
			return err
		}
		if why != nil {
			a.world.violate(why)
		}
		if vs, ok := doomed.(*snapshotv1.VolumeSnapshot); ok && !isCut(vs) {
			a.world.gaveUp[vs.Annotations[v1alpha1.AnnotationSourcePVC]] = true
		}
		return nil
	})
}

func (a *api) Status() client.SubResourceWriter { return statusWriter{api: a} }

func (a *api) Scheme() *runtime.Scheme { return a.world.scheme }

func (a *api) RESTMapper() meta.RESTMapper { return a.world.mapper }

type statusWriter struct {
	client.SubResourceWriter
	api *api
}

func (s statusWriter) Patch(ctx context.Context, o client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
	return s.api.patch(ctx, o, p, true)
}

func (s statusWriter) Update(ctx context.Context, o client.Object, _ ...client.SubResourceUpdateOption) error {
	return s.api.request(ctx, "update status", refOf(o), "", func() error { return s.api.store(o, o, true) })
}

// recorder keeps the Warning events on claims, by UID and reason.
type recorder struct{ world *world }

var _ events.EventRecorder = recorder{}

func (r recorder) Eventf(regarding, _ runtime.Object, kind, reason, _, note string, args ...any) {
	o, ok := regarding.(client.Object)
	if !ok || kind != corev1.EventTypeWarning {
		return
	}
	r.world.eventsMu.Lock()
	defer r.world.eventsMu.Unlock()
	r.world.events[string(o.GetUID())+" "+reason] = fmt.Sprintf(note, args...)
}
