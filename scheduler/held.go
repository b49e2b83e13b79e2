package scheduler

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// heldBackup is a KafkaBackup that a ConfigMap holds. It is shared, and no code
// changes it.
type heldBackup struct {
	uid             types.UID
	resourceVersion string

	kafkaBackup *v1alpha1.KafkaBackup
	mistake     error
	backup      snapshots.Backup
}

// heldBackups keeps the parsed form of ConfigMaps. Without it every
// reconciliation of a KafkaBackup would parse all ConfigMaps of its namespace.
type heldBackups struct {
	mu    sync.Mutex
	byKey map[types.NamespacedName]heldBackup
}

// read returns the KafkaBackup in a ConfigMap. It parses a version once, or twice
// if two workers meet it at the same time: parsing a hostile one takes so long that
// the others must not wait for it.
func (h *heldBackups) read(cm *corev1.ConfigMap) heldBackup {
	key := client.ObjectKeyFromObject(cm)
	if known := h.find(key); known.uid == cm.UID && known.resourceVersion == cm.ResourceVersion && known.kafkaBackup != nil {
		return known
	}
	held := heldBackup{uid: cm.UID, resourceVersion: cm.ResourceVersion}
	held.kafkaBackup, held.mistake = snapshots.KafkaBackupOfConfigMap(cm)
	held.backup, _ = snapshots.NewBackup(held.kafkaBackup) // parse reports its mistakes
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byKey == nil {
		h.byKey = map[types.NamespacedName]heldBackup{}
	}
	h.byKey[key] = held
	return held
}

// find returns what is known of a ConfigMap; a zero heldBackup: nothing.
func (h *heldBackups) find(key types.NamespacedName) heldBackup {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byKey[key]
}

func (h *heldBackups) forget(key types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byKey, key)
}

// held reads the KafkaBackup in a ConfigMap from the cache. If the ConfigMap is
// gone, its parsed form is dropped.
func (r *Reconciler) held(ctx context.Context, key types.NamespacedName) (heldBackup, error) {
	var cm corev1.ConfigMap
	err := r.Client.Get(ctx, key, &cm)
	if apierrors.IsNotFound(err) {
		r.configMaps.forget(key)
	}
	if err != nil {
		return heldBackup{}, err
	}
	return r.configMaps.read(&cm), nil
}
