package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// lookForKind is how often a process without the kind KafkaBackup asks for it again.
const lookForKind = 30 * time.Second

// errFound ends the process, so that the next one watches the new kind.
var errFound = errors.New("the cluster knows the kind KafkaBackup now: starting again")

// lacksKafkaBackups reports whether the cluster does not know the kind KafkaBackup:
// then all of them are in ConfigMaps.
func lacksKafkaBackups(mapper meta.RESTMapper) (bool, error) {
	kind := v1alpha1.GroupVersion.WithKind("KafkaBackup")
	_, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask the cluster for the kind %s: %w", kind.Kind, err)
	}
	return false, nil
}

// awaitKind returns a Runnable that fails once the cluster knows the kind.
func (r *Reconciler) awaitKind() manager.RunnableFunc {
	return func(ctx context.Context) error {
		ticker := r.Clock.NewTicker(lookForKind)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.Chan():
			}
			lacks, err := lacksKafkaBackups(r.Mapper)
			switch {
			case err != nil:
				log.FromContext(ctx).Error(err, "cannot ask for the missing kind; trying again")
			case !lacks:
				return errFound
			}
		}
	}
}
