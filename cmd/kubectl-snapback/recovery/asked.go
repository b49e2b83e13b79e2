package recovery

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
)

// Asked is what Kafka has said of the cluster.
type Asked struct {
	*kafka.Observation        // nil: it could not be asked
	Why                string // it could not be asked
}

// Broker is one broker of a plan, which is restored after those before it.
type Broker struct {
	Node     string
	Asked    bool        // Kafka knows it, and is asked before and after its disks are replaced
	Synced   *kafka.Sync // in sync again; set at the end
	target   target
	accepted bool                          // the loss of what only it has
	losses   map[kafka.TopicPartition]bool // what the plan says would be lost, and a person has accepted
	back     bool                          // something is lost already, and goes back to the snapshot
}

// consult adds to the plan what Kafka says of its brokers. Where Kafka cannot be
// asked, or does not know a broker, why says so.
func (p *Plan) consult(inv *inventory.Inventory, around Around) (why string) {
	if !p.Items[0].Volume.Role.HoldsTopics() || len(p.Brokers) == 0 {
		return ""
	}
	o := around.Kafka.Observation
	if o == nil {
		return around.Kafka.Why
	}
	if why = p.elsewhere(o, inv); why != "" {
		return why
	}
	p.kafkaID = o.ClusterID
	ids := make([]int32, len(p.Brokers))
	for n := range p.Brokers {
		if ids[n], why = identify(o, p.Brokers[n].Node, inv, around); why != "" {
			return why
		}
	}
	lost, names := lostBrokers(o, inv, around)
	for n := range p.Brokers {
		b := &p.Brokers[n]
		items := p.itemsOf(b.Node)
		b.Asked, b.target = true, target{node: b.Node, id: ids[n], holds: holdsData(items), lost: lost, names: names,
			records: recordsOf(items, v1alpha1.AnnotationKafkaObserved), last: recordsOf(items, v1alpha1.AnnotationKafkaLastObserved)}
		if done(items) {
			p.Says = append(p.Says, fmt.Sprintf("broker %s is restored already, and is waited for until it is in sync", b.Node))
			continue
		}
		b.add(p, b.target.judge(o, ids[:n]))
	}
	return ""
}

// add adds to the plan what was found of a broker.
func (b *Broker) add(p *Plan, v verdict) {
	p.Says = append(p.Says, v.says...)
	b.losses, b.back = map[kafka.TopicPartition]bool{}, len(v.back) > 0
	for _, tp := range v.loses {
		b.losses[tp] = true
	}
	for _, text := range v.losses {
		if b.accepted {
			p.Says = append(p.Says, text+", which --accept-loss accepts")
		} else {
			p.Blocks = append(p.Blocks, fmt.Sprintf("%s; or pass --accept-loss %s to lose it", text, b.Node))
		}
	}
}

// elsewhere returns why the Kafka that has answered is not that of the cluster: its id
// is another one than the operator's resource has, or the newest snapshots.
func (p *Plan) elsewhere(o *kafka.Observation, inv *inventory.Inventory) (why string) {
	want, of := p.expectedID(inv)
	if want == "" || o.ClusterID == "" || want == o.ClusterID {
		return ""
	}
	return fmt.Sprintf("what answers is another Kafka, with the cluster id %s, and %s %s: correct --bootstrap-servers, or spec.kafka.bootstrapServers of the KafkaBackup", o.ClusterID, of, want)
}

// expectedID returns the id that the cluster's Kafka has, and who says so; empty:
// nobody does.
func (p *Plan) expectedID(inv *inventory.Inventory) (id, of string) {
	for _, v := range inv.Volumes {
		if v.KafkaClusterID != "" {
			return v.KafkaClusterID, "the operator's resource of " + p.Cluster.String() + " has"
		}
	}
	const carry = "the snapshots are of"
	if id = p.snapshotsID(); id != "" {
		return id, carry
	}
	for _, r := range recordsOf(p.all(), v1alpha1.AnnotationKafkaObserved) {
		if r.ClusterID != "" {
			return r.ClusterID, carry
		}
	}
	return "", ""
}

// lostBrokers returns the ids of the brokers that have no disk any more, and the
// names of all by their ids. One that runs is not lost: a claim that is deleted keeps
// its disk until its pod ends.
func lostBrokers(o *kafka.Observation, inv *inventory.Inventory, around Around) (lost []int32, names map[int32]string) {
	names = map[int32]string{}
	bound := map[string]bool{}
	for _, v := range inv.Volumes {
		if v.Role.HoldsTopics() {
			bound[v.Node] = bound[v.Node] || stateOf(v.Claim()) == string(corev1.ClaimBound)
		}
	}
	for node, has := range bound {
		if id, why := identify(o, node, inv, around); why == "" {
			names[id] = node
			if !has && !o.Registered(id) {
				lost = append(lost, id)
			}
		}
	}
	slices.Sort(lost)
	return lost, names
}

// remade warns of topics that were deleted and made again since the snapshots.
func (p *Plan) remade(o *kafka.Observation) {
	if o == nil {
		return
	}
	var names []string
	for _, r := range recordsOf(p.all(), v1alpha1.AnnotationKafkaObserved) {
		names = append(names, o.MadeAgain(&r)...)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 0 {
		p.Says = append(p.Says, fmt.Sprintf("these topics were deleted and made again since the snapshot, which has nothing of the new ones: %s. Kafka sets aside what it has of the old ones (-stray)", some(names)))
	}
}

// recordsOf returns what the snapshots carry in an annotation of the ends of their
// partitions. What cannot be read is as good as nothing.
func recordsOf(items []*Item, annotation string) (all []kafka.Record) {
	for _, item := range items {
		if item.Snapshot == nil || item.Done {
			continue
		}
		if r, err := kafka.Decode(item.Snapshot.Annotations[annotation]); err == nil {
			all = append(all, r)
		}
	}
	return all
}

// itemsOf returns the volumes of a node.
func (p *Plan) itemsOf(node string) (items []*Item) {
	for n := range p.Items {
		if p.Items[n].Volume.Node == node {
			items = append(items, &p.Items[n])
		}
	}
	return items
}

// holdsData reports whether one of the volumes has a disk that would be replaced.
func holdsData(items []*Item) bool {
	return slices.ContainsFunc(items, func(i *Item) bool {
		return !i.Done && stateOf(i.Volume.Claim()) == string(corev1.ClaimBound)
	})
}

// done reports whether all claims were replaced.
func done(items []*Item) bool {
	return !slices.ContainsFunc(items, func(i *Item) bool { return !i.Done })
}
