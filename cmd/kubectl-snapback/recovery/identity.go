package recovery

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/operators"
)

// identified is an Operator that can give its cluster the id of restored disks.
type identified interface {
	// SetClusterID does so, and leaves the operator stopped. It can be repeated.
	SetClusterID(ctx context.Context, r *Runner) error
}

var _ identified = (*strimzi)(nil)

// assume plans as if the cluster had the id of its snapshots already: it is given it
// before anything else is done.
func (p *Plan) assume() {
	for n := range p.Items {
		if item := &p.Items[n]; item.Snapshot != nil {
			item.Volume.KafkaClusterID = item.Snapshot.Annotations[v1alpha1.AnnotationKafkaClusterID]
		}
	}
	p.ClusterID = p.snapshotsID()
}

// snapshotsID returns the cluster id of the snapshots; empty: not known.
func (p *Plan) snapshotsID() string {
	for _, item := range p.Items {
		if item.Snapshot != nil && item.Snapshot.Annotations[v1alpha1.AnnotationKafkaClusterID] != "" {
			return item.Snapshot.Annotations[v1alpha1.AnnotationKafkaClusterID]
		}
	}
	return ""
}

// identity finds out whether the Kafka has another cluster id than the snapshots, or
// will get one: then it was made anew.
func (s *strimzi) identity(p *Plan) {
	have, want := operators.ClusterIDOf(s.kafka), p.snapshotsID()
	switch {
	case want == "" || have == want || have != "" && !p.All: // of a single broker the webhook says it
	case p.ClusterID != "":
		s.id = p.ClusterID
	default:
		has := "has no cluster id yet, and Strimzi gives it a new one"
		if have != "" {
			has = "has the cluster id " + have
		}
		s.problems = append(s.problems, fmt.Sprintf("Kafka %s %s, but the snapshots are of %s, and no broker starts on a disk of another one: pass --patch-cluster-id with --all; or run %s, then %s, then %s, and this again",
			s.cluster, has, want, s.StopByHand()[0], operators.PatchClusterID(s.namespace, s.cluster, want), s.StartByHand()[0]))
	}
}

// SetClusterID pauses the Kafka, so that Strimzi does not write another id, and
// writes the id.
func (s *strimzi) SetClusterID(ctx context.Context, r *Runner) error {
	if s.id == "" {
		return nil
	}
	if err := s.Stop(ctx, r); err != nil {
		return err
	}
	if err := r.Client.Status().Patch(ctx, s.kafka.DeepCopy(), client.RawPatch(types.MergePatchType, operators.ClusterIDPatch(s.id))); err != nil {
		return fmt.Errorf("write the cluster id %s into the status of kafka %s/%s, which stays paused: %w", s.id, s.namespace, s.cluster, err)
	}
	r.say("Kafka %s has the cluster id %s now, that of the snapshots", s.cluster, s.id)
	return nil
}

// setClusterID gives the cluster the id of the snapshots, if the plan says so.
func (r *Runner) setClusterID(ctx context.Context) error {
	if o, ok := r.Operator.(identified); ok && r.Plan.ClusterID != "" {
		return o.SetClusterID(ctx, r)
	}
	return nil
}
