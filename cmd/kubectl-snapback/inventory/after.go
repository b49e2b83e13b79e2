package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
)

// Restore is the last restore of a claim, and what Kafka has made of it. It is part
// of the plugin's stable JSON form.
type Restore struct {
	KafkaBackup            string `json:"kafkaBackup"`
	Broker                 string `json:"broker,omitempty"` // name of the node
	v1alpha1.RestoreStatus `json:",inline"`

	// Waiting says why there is no report; empty: there is one.
	Waiting string `json:"waiting,omitempty"`

	// Bootstrap are addresses of the cluster's brokers, for Kafka's commands, as
	// far as the KafkaBackup names them. With Secured they need a file with the
	// settings for TLS or SASL.
	Bootstrap string `json:"-"`
	Secured   bool   `json:"-"`

	namespace string
}

// unknownBootstrap stands for addresses that nobody has named.
const unknownBootstrap = "BOOTSTRAP"

// Restores returns the last restore of each claim in the inventory, or of the
// claims of one broker, the newest first.
func (i *Inventory) Restores(broker string) ([]Restore, error) {
	var of map[string]bool
	if broker != "" {
		volumes, err := i.Broker(broker)
		if err != nil {
			return nil, err
		}
		of = map[string]bool{}
		for _, v := range volumes {
			of[v.Node] = true
		}
	}
	var all []Restore
	for _, b := range i.Backups {
		for _, status := range b.Status.Restores {
			r := restoreOf(b, status)
			r.Broker = i.In(b.Namespace).node(status)
			if of == nil || of[r.Broker] {
				all = append(all, r)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Restore) int {
		return cmp.Or(b.RequestedTime.Compare(a.RequestedTime.Time), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.PersistentVolumeClaim, b.PersistentVolumeClaim), known(b)-known(a))
	})
	claims := map[client.ObjectKey]bool{}
	return slices.DeleteFunc(all, func(r Restore) bool { // an earlier one, or what another KafkaBackup says of the same
		key := client.ObjectKey{Namespace: r.namespace, Name: r.PersistentVolumeClaim}
		seen := claims[key]
		claims[key] = true
		return seen
	}), nil
}

// known is how much a KafkaBackup knows of a restore in Kafka.
func known(r Restore) int {
	switch {
	case r.Waiting == "":
		return 2
	case r.Kafka != nil:
		return 1
	}
	return 0
}

func restoreOf(b Backup, status v1alpha1.RestoreStatus) Restore {
	r := Restore{KafkaBackup: b.Name, RestoreStatus: status, Bootstrap: unknownBootstrap, namespace: b.Namespace}
	if access := b.Spec.Kafka; access != nil {
		r.Bootstrap = cmp.Or(strings.Join(kafka.Addresses(access.BootstrapServers), ","), unknownBootstrap)
		r.Secured = access.TLS != nil || access.SASL != nil
	}
	switch k := status.Kafka; {
	case k != nil && k.ReportedTime != nil && k.InSyncTime != nil:
	case k != nil:
		r.Waiting = k.Message
	case status.BoundTime == nil:
		r.Waiting = "the claim is not bound yet"
	case b.Spec.Kafka == nil:
		r.Waiting = fmt.Sprintf("Kafka is not asked: %s %s has no spec.kafka", b.Kind(), b.Name)
	default:
		r.Waiting = "the scheduler does not follow it: it has not looked yet, or the restore was more than a day old when it first could"
	}
	return r
}

// node is the node of the volume that was restored; empty: nothing of it is left.
func (i *Inventory) node(r v1alpha1.RestoreStatus) string {
	if v, _, ok := i.Snapshot(r.VolumeSnapshot); ok {
		return v.Node
	}
	for _, v := range i.Volumes {
		for _, claim := range v.Claims {
			if claim.Name == r.PersistentVolumeClaim {
				return v.Node
			}
		}
	}
	return ""
}
