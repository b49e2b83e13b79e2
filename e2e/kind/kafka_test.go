package kind

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/forward"
)

// brokers is how many brokers a cluster has.
const brokers = 3

// The pools of a Kafka cluster, which are what their nodes do.
const (
	brokerPool     = "broker"
	controllerPool = "controller"
)

// node is a node of a Kafka cluster.
type node struct {
	id   int
	pool string
}

// controller is the only one; nodes are all, the controller last.
var (
	controller = node{controllerID, controllerPool}
	nodes      = []node{{0, brokerPool}, {1, brokerPool}, {2, brokerPool}, controller}
)

// shape is how a Kafka cluster is run: who makes its claims and pods.
type shape struct {
	volumes int32 // so many are backed up
	podName func(node) string
	start   func(context.Context, *kafkaCluster) error // creates the pods, or starts what does
}

// kafkaCluster is a Kafka cluster in a namespace of its own: Apache Kafka in KRaft
// mode, three brokers and a controller apart, each with a volume.
type kafkaCluster struct {
	*world
	*shape
	namespace string
	id        string // Kafka's cluster id
	forwarder *forward.Forwarder
	operator  *operator             // nil: Kubernetes itself makes claims and pods
	backup    *v1alpha1.KafkaBackup // nil: none yet
	written   written
}

// provide starts a Kafka cluster of a shape, unless it runs, and stops one of
// another shape. It is the cluster of the checks that need a running Kafka; nil:
// none is needed.
func (w *world) provide(ctx context.Context, s *shape) error {
	if w.kafka != nil && w.kafka.shape == s {
		return nil
	}
	if w.kafka != nil {
		if err := w.kafka.remove(ctx); err != nil {
			return err
		}
		w.kafka = nil
	}
	if s == nil {
		return nil
	}
	k := &kafkaCluster{world: w, shape: s, id: newClusterID()}
	if err := k.create(ctx); err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	w.kafka = k
	return k.createTopics(ctx)
}

func newClusterID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f           // no "-" at the beginning, which Kafka's tools take for a flag
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// create makes what the cluster consists of.
func (k *kafkaCluster) create(ctx context.Context) (err error) {
	if k.namespace, err = k.world.namespace(ctx, "kafka", nil); err != nil {
		return err
	}
	if err := k.restrict(ctx, k.namespace); err != nil {
		return err
	}
	for _, s := range kafkaServices(k.namespace) {
		if err := k.Create(ctx, s); err != nil {
			return fmt.Errorf("create service %s: %w", s.Name, err)
		}
	}
	if k.forwarder, err = forward.New(k.config, k, k.namespace); err != nil {
		return err
	}
	return k.start(ctx, k)
}

// remove stops the cluster. Nobody waits for the end of its pods.
func (k *kafkaCluster) remove(ctx context.Context) error {
	if k.operator != nil {
		k.operator.end()
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: k.namespace}}
	if err := k.Delete(ctx, ns); err != nil {
		return fmt.Errorf("delete namespace %s: %w", ns.Name, err)
	}
	return nil
}

// explained adds to an error what the operator says.
func (k *kafkaCluster) explained(err error) error {
	if err == nil || k.operator == nil {
		return err
	}
	if said := k.operator.says(); said != nil {
		err = fmt.Errorf("%w; the operator says: %w", err, said)
	}
	return err
}

// pod is the pod of a node, by its name alone.
func (k *kafkaCluster) pod(n node) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: k.podName(n)}}
}

// voters is how nodes reach the controller.
func (k *kafkaCluster) voters() string {
	return fmt.Sprintf("%d@%s.%s.%s.svc:%d", controller.id, k.podName(controller), brokersService, k.namespace, quorumPort)
}

// podSpec is that of a node of a pool.
func (k *kafkaCluster) podSpec(pool string) corev1.PodSpec {
	return kafkaPod(k.namespace, k.id, k.voters(), pool)
}

// backUp takes a snapshot of every volume, and returns its run. The first time it
// creates the KafkaBackup.
func (k *kafkaCluster) backUp(ctx context.Context) (run string, err error) {
	if k.backup == nil {
		kb := optedIn(k.namespace, kafkaName).Spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: bootstrap(k.namespace)}
		}).Obj()
		if err := k.Create(ctx, kb); err != nil {
			return "", fmt.Errorf("create the KafkaBackup: %w", err)
		}
		k.backup = kb
	}
	before := k.backup.Status.LastRun
	if err := k.runUntil(ctx, k.backup, k.volumes, func(last *v1alpha1.RunStatus) bool {
		return before == nil || last.ScheduledTime.After(before.ScheduledTime.Time)
	}); err != nil {
		return "", err
	}
	return k.backup.Status.LastRun.ScheduledTime.UTC().Format("20060102-150405"), nil
}

// loseAndFind writes records, backs the cluster up, writes some more, loses nodes
// together with their volumes, and wants all of them back from their snapshots, in
// sync and with all records.
func (k *kafkaCluster) loseAndFind(ctx context.Context, more int, lost ...node) error {
	if err := k.produce(ctx, 1000); err != nil {
		return err
	}
	if _, err := k.backUp(ctx); err != nil {
		return err
	}
	if err := k.produceShared(ctx, more); err != nil {
		return err
	}
	claims, err := k.lose(ctx, lost...)
	if err != nil {
		return err
	}
	return k.explained(k.back(ctx, claims))
}

// lose deletes the claims of nodes, and their volumes and pods with them.
func (k *kafkaCluster) lose(ctx context.Context, lost ...node) (claims map[node]*corev1.PersistentVolumeClaim, err error) {
	claims = map[node]*corev1.PersistentVolumeClaim{}
	for _, n := range lost {
		if claims[n], err = k.takeAway(ctx, k.pod(n)); err != nil {
			return nil, err
		}
	}
	for _, c := range claims {
		if err := k.volumeGone(ctx, c); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// back waits until lost nodes are back on restored volumes, and the cluster is whole.
func (k *kafkaCluster) back(ctx context.Context, lost map[node]*corev1.PersistentVolumeClaim) error {
	for n, claim := range lost {
		if err := k.restored(ctx, client.ObjectKeyFromObject(k.pod(n)), claim); err != nil {
			return err
		}
	}
	return k.whole(ctx)
}

// whole waits until Kafka has all brokers in sync, and is an error unless all
// records are there that should be.
func (k *kafkaCluster) whole(ctx context.Context) error {
	if err := k.inSync(ctx); err != nil {
		return err
	}
	return k.sameRecords(ctx)
}
