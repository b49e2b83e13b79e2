package inventory

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Past is a restore that the cluster remembers: in the status of a KafkaBackup, which
// has the last ten, or in the annotations of the claim that was restored.
type Past struct {
	Restore
	Cluster ClusterKey
	Claim   *corev1.PersistentVolumeClaim // the claim that was restored; nil: it is gone, or was replaced
}

// UnderWay reports whether the claim is still to be filled, or Kafka still watched for
// what it makes of the restore.
func (p Past) UnderWay() bool {
	if p.Claim != nil && snapshots.Unbound(p.Claim) {
		return true
	}
	return p.Kafka != nil && p.Kafka.ReportedTime == nil
}

// pastKey tells restores apart: a claim of a name is restored again and again.
type pastKey struct {
	namespace, claim string
	requested        int64
}

func (p Past) key() pastKey {
	return pastKey{p.Cluster.Namespace, p.PersistentVolumeClaim, p.RequestedTime.Unix()}
}

// History returns all restores that are remembered, those under way first, then the
// newest first. What several KafkaBackups say of one, the one that knows most says.
func (i *Inventory) History() []Past {
	found := map[pastKey]Past{}
	add := func(p Past) {
		if have, ok := found[p.key()]; !ok || known(p.Restore) > known(have.Restore) {
			found[p.key()] = p
		}
	}
	for _, b := range i.Backups {
		for _, status := range b.Status.Restores {
			add(Past{Restore: restoreOf(b, status), Cluster: ClusterKey{b.Namespace, b.Spec.ClusterRef}})
		}
	}
	for n := range i.Volumes {
		v := &i.Volumes[n]
		for _, pvc := range v.Claims {
			if pvc.Annotations[v1alpha1.AnnotationRestoredFrom] == "" {
				continue
			}
			p := Past{Restore: noted(pvc), Cluster: ClusterKey{v.Namespace, v.Cluster}}
			if _, ok := found[p.key()]; !ok {
				found[p.key()] = p
			}
		}
	}
	i.nameBrokers(found)
	all := make([]Past, 0, len(found))
	for _, p := range found {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Past) int {
		return cmp.Or(TrueFirst(a.UnderWay(), b.UnderWay()), b.RequestedTime.Compare(a.RequestedTime.Time),
			cmp.Compare(a.Cluster.String(), b.Cluster.String()), cmp.Compare(a.PersistentVolumeClaim, b.PersistentVolumeClaim))
	})
	return all
}

// TrueFirst compares so that what is true comes first.
func TrueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// noted is the restore that the annotations of a claim tell of.
func noted(pvc *corev1.PersistentVolumeClaim) Restore {
	r := Restore{Bootstrap: unknownBootstrap, Waiting: "no KafkaBackup tells of this restore: each remembers the last ten, of which it has seen the claim"}
	r.PersistentVolumeClaim, r.VolumeSnapshot, r.RequestedTime = pvc.Name, pvc.Annotations[v1alpha1.AnnotationRestoredFrom], pvc.CreationTimestamp
	if t, err := time.Parse(time.RFC3339, pvc.Annotations[v1alpha1.AnnotationRestoredTime]); err == nil {
		r.ScheduledTime = &metav1.Time{Time: t}
	}
	return r
}

// nameBrokers sets the brokers and the claims of restores, in one pass: there may be
// many snapshots.
func (i *Inventory) nameBrokers(found map[pastKey]Past) {
	type object struct{ namespace, name string }
	claims, taken := map[object][]pastKey{}, map[object][]pastKey{}
	for k, p := range found {
		claims[object{k.namespace, k.claim}] = append(claims[object{k.namespace, k.claim}], k)
		taken[object{k.namespace, p.VolumeSnapshot}] = append(taken[object{k.namespace, p.VolumeSnapshot}], k)
	}
	set := func(keys []pastKey, change func(pastKey, *Past)) {
		for _, k := range keys {
			p := found[k]
			change(k, &p)
			found[k] = p
		}
	}
	for n := range i.Volumes {
		v := &i.Volumes[n]
		for _, pvc := range v.Claims {
			set(claims[object{v.Namespace, pvc.Name}], func(k pastKey, p *Past) {
				p.Broker = v.Node
				if pvc.CreationTimestamp.Unix() == k.requested {
					p.Claim = pvc
				}
			})
		}
		for s := range v.Snapshots {
			set(taken[object{v.Namespace, v.Snapshots[s].Name}], func(_ pastKey, p *Past) { p.Broker = v.Node })
		}
	}
}
