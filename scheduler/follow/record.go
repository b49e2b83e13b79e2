package follow

import (
	"context"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots"
)

// carrying are the annotations of snapshots that have a record.
var carrying = []string{v1alpha1.AnnotationKafkaLastObserved, v1alpha1.AnnotationKafkaObserved}

// recorded returns the volume's snapshots that carry what Kafka had. The cache only
// knows that they do.
func recorded(own []snapshots.Snapshot, volume string) (all []snapshots.Snapshot) {
	for i := range own {
		if s := &own[i]; s.Volume == volume && s.CarriesKafka() {
			all = append(all, *s)
		}
	}
	return all
}

// lastRecord returns what Kafka had in a volume the last time before its claim was
// made; nil: that is not known.
func (f *Follower) lastRecord(ctx context.Context, namespace string, all []snapshots.Snapshot, claimed time.Time) (last *kafka.Record, err error) {
	for _, s := range all {
		var vs snapshotv1.VolumeSnapshot
		err := f.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: s.Name}, &vs)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, s.Name, err)
		}
		for _, annotation := range carrying {
			record, err := kafka.Decode(vs.Annotations[annotation]) // one that somebody has changed is none
			if err == nil && !record.At.After(claimed) && (last == nil || record.At.After(last.At)) {
				last = &record
			}
		}
	}
	return last, nil
}

// takenRecord returns what Kafka had when a snapshot was taken; nil: that is not
// known.
func (f *Follower) takenRecord(ctx context.Context, namespace, snapshot string) (*kafka.Record, error) {
	var vs snapshotv1.VolumeSnapshot
	if err := f.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: snapshot}, &vs); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, nil
		}
		return nil, fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, snapshot, err)
	}
	record, err := kafka.Decode(vs.Annotations[v1alpha1.AnnotationKafkaObserved])
	if err != nil {
		return nil, nil //nolint:nilerr // one that somebody has changed is none
	}
	return &record, nil
}
