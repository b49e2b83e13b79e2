package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// lookForKinds is how often the scheduler asks again for a kind that the cluster
// lacks.
const lookForKinds = 30 * time.Second

// The kinds that a cluster may lack, for good or until their CRDs are installed.
var (
	kafkaBackups          = v1alpha1.GroupVersion.WithKind("KafkaBackup")
	volumeSnapshots       = snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot")
	volumeSnapshotClasses = snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshotClass")
)

var missingSnapshots = []schema.GroupVersionKind{volumeSnapshots}

// kinds says which of these kinds the cluster lacked when the term began.
type kinds struct{ missing []schema.GroupVersionKind }

// onlyConfigMaps reports whether KafkaBackups can exist in ConfigMaps only,
// since the cluster lacks the kind.
func (k kinds) onlyConfigMaps() bool { return slices.Contains(k.missing, kafkaBackups) }

// withoutSnapshots returns an error if the cluster lacks the snapshot API. No
// KafkaBackup can run then.
func (k kinds) withoutSnapshots() *specError {
	for _, kind := range []schema.GroupVersionKind{volumeSnapshots, volumeSnapshotClasses} {
		if slices.Contains(k.missing, kind) {
			return &specError{v1alpha1.ReasonSnapshotAPINotFound, fmt.Errorf(
				"the cluster does not know the kind %s of %s: install the CRDs and the controller of the CSI snapshotter", kind.Kind, kind.GroupVersion())}
		}
	}
	return nil
}

// lookForKinds asks the cluster which of the kinds it has.
func (s *Scheduler) lookForKinds() (kinds, error) {
	var found kinds
	for _, kind := range []schema.GroupVersionKind{kafkaBackups, volumeSnapshots, volumeSnapshotClasses} {
		_, err := s.Manager.GetRESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		switch {
		case meta.IsNoMatchError(err):
			found.missing = append(found.missing, kind)
		case err != nil:
			return found, fmt.Errorf("ask the cluster for the kind %s: %w", kind.Kind, err)
		}
	}
	return found, nil
}

// awaitAnother waits until the cluster has more of the kinds than before, or the
// context is done.
func (s *Scheduler) awaitAnother(ctx context.Context, before kinds) {
	ticker := s.Clock.NewTicker(lookForKinds)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.Chan():
		}
		now, err := s.lookForKinds()
		switch {
		case err == nil && len(now.missing) < len(before.missing):
			return
		case err != nil && !errors.Is(err, context.Canceled):
			log.FromContext(ctx).Error(err, "cannot ask the cluster for the missing kinds; trying again")
		}
	}
}
