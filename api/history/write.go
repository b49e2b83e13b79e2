package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Writer is the part of a client that writes ConfigMaps.
type Writer interface {
	Create(context.Context, client.Object, ...client.CreateOption) error
	Patch(context.Context, client.Object, client.Patch, ...client.PatchOption) error
}

const (
	look        = time.Second     // how often to look what is due
	sendTimeout = 5 * time.Second // of one ConfigMap
	attempts    = 5               // if others write it at the same time
)

var (
	_ manager.Runnable               = &Recorder{}
	_ manager.LeaderElectionRunnable = &Recorder{}
)

// Start implements [manager.Runnable]: it writes to the ConfigMaps until the context is
// done. What waits then is for [Recorder.Flush].
func (r *Recorder) Start(ctx context.Context) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			r.write(ctx, false)
		}
	}
}

// NeedLeaderElection implements [manager.LeaderElectionRunnable]: every replica records.
func (r *Recorder) NeedLeaderElection() bool { return false }

// Flush writes all that waits, due or not, for as long as the context allows. It returns
// how many entries are left.
func (r *Recorder) Flush(ctx context.Context) (left int) {
	for range 2 { // a batch that could not be written before goes first, then what came since
		r.write(ctx, true)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pending
}

func (r *Recorder) write(ctx context.Context, all bool) {
	r.turn.Lock()
	defer r.turn.Unlock()
	for _, key := range r.due(all) {
		if ctx.Err() != nil {
			return
		}
		batch, ok := r.take(key)
		if !ok {
			continue
		}
		err := r.send(ctx, key, batch)
		if err != nil { // without the lock, which answers wait for
			log.Log.Error(err, "cannot write the history", "namespace", key.Namespace, "cluster", key.Name, "entries", len(batch.Entries))
		}
		r.sent(key, err)
	}
}

// due returns the queues that are to be written now.
func (r *Recorder) due(all bool) []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	var keys []types.NamespacedName
	for key, q := range r.queues {
		if !q.due.IsZero() && (all || !q.due.After(now)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// take returns the batch to write: the one that could not be written, or all that waits.
// It reports false if the queue went to make room for others while these were written.
func (r *Recorder) take(key types.NamespacedName) (b Batch, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queues[key]
	if q == nil {
		return b, false
	}
	if q.sending == nil || len(q.sending.Entries) == 0 && q.sending.Lost == nil { // see makeRoom
		q.sending = &Batch{ID: uuid.NewString()[:8], Entries: q.waiting, Lost: q.lost}
		q.waiting, q.lost, q.since = nil, nil, r.Now()
	}
	return *q.sending, true
}

// sent notes the outcome of a write. What could not be written is tried again for a
// while: whether it was written after all, the document knows by the batch's ID.
func (r *Recorder) sent(key types.NamespacedName, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, now := r.queues[key], r.Now()
	b := *q.sending
	if err != nil {
		if q.due = now.Add(retry); !errors.Is(err, errHopeless) && now.Sub(q.since) < giveUp {
			return
		}
		for _, e := range b.Entries {
			q.lost = q.lost.with(1, Seen(e))
		}
		if b.Lost != nil {
			q.lost = q.lost.with(b.Lost.Count, b.Lost.Last.Time)
		}
		r.lose(len(b.Entries))
	}
	r.pending -= len(b.Entries)
	q.sending, q.due = nil, time.Time{}
	if err == nil {
		r.noteTold(b.Entries, now)
	}
	for _, e := range q.waiting {
		r.plan(q, e, now)
	}
	switch {
	case len(q.waiting) > 0:
	case q.lost == nil:
		delete(r.queues, key)
	case err == nil:
		q.due = now.Add(gather)
	}
}

// noteTold notes which refusals were written.
func (r *Recorder) noteTold(all []v1alpha1.HistoryEntry, now time.Time) {
	if len(r.told) > maxPending {
		clear(r.told)
	}
	for _, e := range all {
		if same, ok := repeatOf(e); ok {
			r.told[same] = now
		}
	}
}

// errHopeless says that another try will not help.
var errHopeless = errors.New("it stays as it is")

// errForeign says that a ConfigMap is somebody else's.
var errForeign = fmt.Errorf("%w: it is not a history of this Kafka cluster: rename or delete it, so that Snapback can make its own", errHopeless)

// send merges a batch into the ConfigMap of a cluster. If others write or delete it at the
// same time, it reads again.
func (r *Recorder) send(ctx context.Context, key types.NamespacedName, b Batch) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	var err error
	for range attempts {
		if err = r.merge(ctx, key, b); !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("configmap %s/%s: %w", key.Namespace, v1alpha1.HistoryName(key.Name), err)
	}
	return nil
}

func (r *Recorder) merge(ctx context.Context, key types.NamespacedName, b Batch) error {
	name := v1alpha1.HistoryName(key.Name)
	var list corev1.ConfigMapList
	// A list of one: the right to get ConfigMaps is not needed for anything else.
	if err := r.Reader.List(ctx, &list, client.InNamespace(key.Namespace), client.MatchingFields{"metadata.name": name}); err != nil {
		return fmt.Errorf("read it: %w", err)
	}
	if len(list.Items) == 0 {
		return r.create(ctx, key, b)
	}
	cm := &list.Items[0]
	if !IsOf(cm, key.Name) {
		return errForeign
	}
	patch, err := mergepatch.Of(cm.UID, cm.ResourceVersion, changed(cm, b, r.Now()))
	if err != nil {
		return err
	}
	err = r.Client.Patch(ctx, cm, patch)
	if apierrors.IsInvalid(err) { // somebody has made it immutable
		err = fmt.Errorf("%w: delete it, so that Snapback can make its own: %w", errHopeless, err)
	}
	return err
}

// changed returns what changes in a ConfigMap by a batch. Somebody else's keys go: they
// would take the room of the entries.
func changed(cm *corev1.ConfigMap, b Batch, now time.Time) map[string]any {
	d := Parse(cm.Data)
	d.Add(b, now)
	data := map[string]any{}
	for k := range cm.Data {
		data[k] = nil
	}
	for k, v := range d.Data() {
		data[k] = v
	}
	change := map[string]any{"data": data}
	if len(cm.BinaryData) > 0 {
		change["binaryData"] = nil
	}
	return change
}

func (r *Recorder) create(ctx context.Context, key types.NamespacedName, b Batch) error {
	d := &Document{}
	d.Add(b, r.Now())
	err := r.Client.Create(ctx, newConfigMap(key, d))
	if apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return fmt.Errorf("%w: its namespace is gone: %v", errHopeless, err) //nolint:errorlint // otherwise it would be tried again as "not found"
	}
	return err
}

// IsOf reports whether a ConfigMap is the history of a Kafka cluster.
func IsOf(cm *corev1.ConfigMap, cluster string) bool {
	return cm.Name == v1alpha1.HistoryName(cluster) && cm.Labels[v1alpha1.LabelHistory] == v1alpha1.ValueTrue && cm.Annotations[v1alpha1.AnnotationClusterName] == cluster
}

func newConfigMap(key types.NamespacedName, d *Document) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: v1alpha1.HistoryName(key.Name),
			Labels:      map[string]string{v1alpha1.LabelHistory: v1alpha1.ValueTrue, v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
			Annotations: map[string]string{v1alpha1.AnnotationClusterName: key.Name},
		},
		Data: d.Data(),
	}
}
