package scheduler

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/origin"
	"github.com/snapback-dev/snapback/scheduler/prune"
	"github.com/snapback-dev/snapback/scheduler/verify"
	"github.com/snapback-dev/snapback/snapshots"
)

// view is what the cache has about a KafkaBackup at one moment.
type view struct {
	backup   snapshots.Backup
	claims   []claims.Claim
	cluster  snapshots.Cluster    // with the snapshots of the claims' volumes, from all KafkaBackups
	inUse    map[string]bool      // snapshots that Pending claims of the namespace wait for
	policies *claims.Policies     // of the claims
	included map[string]bool      // hashes of the volumes that runs include
	own      []snapshots.Snapshot // the KafkaBackup's snapshots, by volume, the newest of each first
	locks    snapshots.Locks      // the classes that lock snapshots

	pvcs  []corev1.PersistentVolumeClaim // all claims of the namespace
	noted int                            // number of notes about claims before they were listed

	volumes map[string][]snapshots.Snapshot // the own ones, by their volumes' hashes
	spoilt  []snapshots.Snapshot            // the own ones that cannot be read
}

func (seen view) forVerifying() verify.Seen {
	return verify.Seen{Backup: seen.backup, Claims: seen.claims, Cluster: seen.cluster, Policies: seen.policies, Own: seen.volumes, Live: seen.pvcs, Noted: seen.noted}
}

func (seen view) forCorrecting() origin.Seen {
	return origin.Seen{Backup: seen.backup, Claims: seen.claims, Own: seen.own, Cluster: seen.cluster}
}

func (seen view) forPruning() prune.Seen {
	return prune.Seen{Backup: seen.backup, Claims: seen.claims, InUse: seen.inUse, Own: seen.own}
}

// look reads the view of a KafkaBackup from the cache.
func (r *Reconciler) look(ctx context.Context, kb *v1alpha1.KafkaBackup) (view, error) {
	b, _ := snapshots.NewBackup(kb) // parse has reported its mistakes
	noted := r.memory.NoteCount()
	pvcs, err := claims.List(ctx, r.Client, b.Namespace)
	if err != nil {
		return view{}, err
	}
	all := claims.OfCluster(pvcs, b)
	own, err := r.taken().own(b.Key())
	if err != nil {
		return view{}, err
	}
	locks, err := r.locks(ctx)
	if err != nil {
		return view{}, err
	}
	cluster, err := r.cluster(ctx, b, all...)
	if err != nil {
		return view{}, err
	}
	seen := view{
		backup: b, claims: all, cluster: cluster, policies: claims.NewPolicies(cluster), inUse: claims.PendingSources(pvcs), pvcs: pvcs, noted: noted,
		own: locks.On(own.All), locks: locks, volumes: own.Volumes, spoilt: own.Spoilt,
	}
	var included []claims.Claim
	for _, c := range all {
		if !b.ExcludeQuorum || !b.Excludes(r.role(ctx, b, c)) { // finding a role may need a request
			included = append(included, c)
		}
	}
	seen.included = claims.Volumes(included)
	return seen, nil
}
