package webhook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// Backups watches the KafkaBackups of both forms. Each is parsed once, when it
// arrives, and only the fields that decisions read are kept: the cost of a claim
// does not depend on their size.
type Backups struct {
	kafkaBackups, configMaps *backupStore
}

var _ manager.Runnable = &Backups{}

// NewBackups returns backups that watch the apiserver once they are started.
func NewBackups(c client.WithWatch) *Backups {
	return &Backups{
		kafkaBackups: &backupStore{Follower: watched.Follower{
			Client: c, Name: "kafkabackups", Kind: &v1alpha1.KafkaBackup{},
			List: func() client.ObjectList { return &v1alpha1.KafkaBackupList{} },
		}},
		configMaps: &backupStore{Follower: watched.Follower{
			Client: c, Name: "configmaps", Kind: &corev1.ConfigMap{},
			List:  func() client.ObjectList { return &corev1.ConfigMapList{} },
			Match: []client.ListOption{client.MatchingLabels{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}},
		}},
	}
}

// NewStaticBackups returns the backups of these objects, which watch nothing.
func NewStaticBackups(objects ...client.Object) *Backups {
	b := NewBackups(nil)
	var kafkaBackups, configMaps []any
	for _, o := range objects {
		switch o := o.(type) {
		case *v1alpha1.KafkaBackup:
			kafkaBackups = append(kafkaBackups, o)
		case *corev1.ConfigMap:
			configMaps = append(configMaps, o)
		}
	}
	_ = b.kafkaBackups.Replace(kafkaBackups, "") // never fails
	_ = b.configMaps.Replace(configMaps, "")
	return b
}

// Start implements [manager.Runnable].
func (b *Backups) Start(ctx context.Context) error {
	var both sync.WaitGroup
	for _, store := range []*backupStore{b.kafkaBackups, b.configMaps} {
		both.Go(func() { store.Follow(ctx, store) })
	}
	both.Wait()
	return nil
}

// In returns the KafkaBackups of a namespace, also those with mistakes. It is an
// error while they are not all known: without them a claim would look as if nobody
// had opted in.
func (b *Backups) In(namespace string) ([]snapshots.Backup, error) {
	kafkaBackups, err := b.kafkaBackups.in(namespace)
	if err != nil {
		return nil, err
	}
	configMaps, err := b.configMaps.in(namespace)
	if err != nil {
		return nil, err
	}
	return snapshots.Together(kafkaBackups, configMaps, snapshots.Backup.Key), nil
}

// Known returns an error while the KafkaBackups are not all known.
func (b *Backups) Known() error {
	_, err := b.In("")
	return err
}

// backupStore holds the KafkaBackups of one form.
type backupStore struct {
	watched.Follower

	mu    sync.RWMutex
	known map[string]map[string]snapshots.Backup // by namespace and name; nil: not all of them are known yet
}

var (
	_ toolscache.ReflectorStore    = &backupStore{}
	_ toolscache.TransformingStore = &backupStore{}
)

func (s *backupStore) in(namespace string) ([]snapshots.Backup, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.Absent(): // without the kind there are none
		return nil, nil
	case s.known == nil:
		return nil, s.unsynced()
	}
	return slices.Collect(maps.Values(s.known[namespace])), nil
}

func (s *backupStore) unsynced() error { return fmt.Errorf("the %s are not all known yet", s.Name) }

// parseBackup returns the lean backup of a KafkaBackup of either form. The
// scheduler reports its mistakes.
func parseBackup(o any) (any, error) {
	var b snapshots.Backup
	switch o := o.(type) {
	case *v1alpha1.KafkaBackup:
		b, _ = snapshots.NewBackup(o)
	case *corev1.ConfigMap:
		b = snapshots.UncheckedBackup(o)
	default:
		return o, nil
	}
	b = b.Lean()
	return &b, nil
}

// Transformer implements [toolscache.TransformingStore].
func (s *backupStore) Transformer() toolscache.TransformFunc { return parseBackup }

// backupOf returns the backup of an item from a reflector, transformed or not; nil:
// the item is no backup.
func backupOf(item any) *snapshots.Backup {
	b, _ := watched.Kept(item, parseBackup).(*snapshots.Backup)
	return b
}

// Replace implements [toolscache.ReflectorStore].
func (s *backupStore) Replace(items []any, _ string) error {
	fresh := map[string]map[string]snapshots.Backup{}
	for _, item := range items {
		put(fresh, backupOf(item))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = fresh
	return nil
}

func put(known map[string]map[string]snapshots.Backup, b *snapshots.Backup) {
	if b == nil {
		return
	}
	if known[b.Namespace] == nil {
		known[b.Namespace] = map[string]snapshots.Backup{}
	}
	known[b.Namespace][b.Name] = *b
}

// Add implements [toolscache.ReflectorStore].
func (s *backupStore) Add(item any) error {
	b := backupOf(item) // parse before taking the lock
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		return s.unsynced()
	}
	put(s.known, b)
	return nil
}

// Update implements [toolscache.ReflectorStore].
func (s *backupStore) Update(item any) error { return s.Add(item) }

// Delete implements [toolscache.ReflectorStore].
func (s *backupStore) Delete(item any) error {
	b := backupOf(item)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		return s.unsynced()
	}
	if b == nil {
		return nil
	}
	if delete(s.known[b.Namespace], b.Name); len(s.known[b.Namespace]) == 0 {
		delete(s.known, b.Namespace)
	}
	return nil
}

// Resync implements [toolscache.ReflectorStore]; there is nothing to do.
func (s *backupStore) Resync() error { return nil }
