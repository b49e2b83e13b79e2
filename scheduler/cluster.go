package scheduler

import (
	"context"
	"slices"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// cluster reads the input of the decisions about these claims of a KafkaBackup's
// cluster.
func (r *Reconciler) cluster(ctx context.Context, b snapshots.Backup, of ...claims.Claim) (snapshots.Cluster, error) {
	namespace, err := r.namespace(ctx, b.Namespace)
	if err != nil {
		return snapshots.Cluster{}, err
	}
	all, err := r.backups(ctx, b.Namespace)
	if err != nil {
		return snapshots.Cluster{}, err
	}
	all = slices.DeleteFunc(all, func(o snapshots.Backup) bool { return o.Cluster != b.Cluster })
	if !slices.ContainsFunc(all, func(o snapshots.Backup) bool { return o.Name == b.Name }) {
		all = append(all, b) // it was deleted during its run, and its snapshots are still opted in
	}
	cluster := snapshots.Cluster{Namespace: namespace.Annotations, Backups: all, Snapshots: map[string][]snapshots.Snapshot{}}
	for _, c := range of {
		if cluster.Snapshots[c.Volume.Hash()], err = r.taken().of(c); err != nil {
			return snapshots.Cluster{}, err
		}
	}
	return cluster, nil
}

// good returns the newest good snapshot of each volume that runs include, by the
// volume's hash.
func (r *Reconciler) good(ctx context.Context, seen view) map[string]snapshots.Snapshot {
	good := map[string]snapshots.Snapshot{}
	for _, c := range seen.claims {
		hash := c.Volume.Hash()
		if !seen.included[hash] {
			continue
		}
		policy, _ := seen.policies.Of(c) // the Ready condition reports a mistake in it
		if s, ok := seen.cluster.GoodBy(policy, r.complete(ctx, seen.backup, c)); ok {
			good[hash] = s
		}
	}
	return good
}
