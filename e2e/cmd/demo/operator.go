package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// patience is for what takes a second or two; the backups take the longest.
const patience = time.Minute

// operator is a stand-in for Koperator, and the person who makes backups.
type operator struct {
	brokers
	client client.Client
	plugin plugin
}

// brokers creates claims with generated names, and starts a broker on each.
type brokers interface {
	// about is what the story tells of them.
	about() []string
	createCluster(ctx context.Context, namespace string, ids ...int) error
	// createTopic creates a topic of one partition, whose only replica is on that broker.
	createTopic(ctx context.Context, namespace, topic string, id int) error
	// createBroker creates the claim of a broker and starts it.
	createBroker(ctx context.Context, namespace string, id int) (*corev1.PersistentVolumeClaim, error)
	// loseBroker kills a broker and deletes its claim; its volume goes with it.
	loseBroker(ctx context.Context, namespace string, id int) (claim string, err error)
	// consume reads all records of a topic, once the broker serves it.
	consume(ctx context.Context, namespace, topic string, id int) ([][]byte, error)
	addr(namespace string, id int) string
	// askable reports whether the brokers are a Kafka that can say what would be lost.
	askable() bool
	stop()
}

func newOperator(ctx context.Context, c *cluster.Cluster, kafka choice) (*operator, error) {
	config := rest.CopyConfig(c.Config)
	config.WarningHandlerWithContext = warnings{}
	api, err := cluster.NewClient(config)
	if err != nil {
		return nil, err
	}
	program, err := cluster.Build(ctx, ".", "./cmd/kubectl-snapback", "kubectl-snapback")
	if err != nil {
		return nil, err
	}
	sre := plugin{program, c.Kubeconfig()}
	if kafka.install != nil {
		return &operator{newApache(c, api, kafka.install), api, sre}, nil
	}
	standIn, err := cluster.Build(ctx, ".", "./e2e/cmd/broker", "broker")
	if err != nil {
		return nil, err
	}
	return &operator{&embedded{cluster: c, client: api, program: standIn, brokers: map[string]*broker{}}, api, sre}, nil
}

func createNamespace(ctx context.Context, api client.Client, namespace string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := api.Create(ctx, ns); err != nil {
		return fmt.Errorf("create namespace %s: %w", namespace, err)
	}
	return nil
}

// warnings prints what the apiserver says beside its answers, as kubectl does.
type warnings struct{}

func (warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _, text string) {
	if code == 299 && !strings.Contains(text, "has no snapshot") { // said of every new broker
		say("   Warning: %s", text)
	}
}

// snapshot is one line of kubectl get volumesnapshot.
type snapshot struct{ snapshotv1.VolumeSnapshot }

func (s snapshot) RestoreSize() string {
	if s.Status == nil || s.Status.RestoreSize == nil {
		return "-"
	}
	return s.Status.RestoreSize.String()
}

func (s snapshot) ready() bool {
	return s.Status != nil && s.Status.ReadyToUse != nil && *s.Status.ReadyToUse
}

// snapshotsOf lists the ready snapshots of a broker, the oldest first.
func (o *operator) snapshotsOf(ctx context.Context, namespace string, id int) ([]snapshot, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := o.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{"brokerId": strconv.Itoa(id)}); err != nil {
		return nil, fmt.Errorf("list the snapshots of broker %d: %w", id, err)
	}
	var ready []snapshot
	for _, vs := range list.Items {
		if s := (snapshot{vs}); s.ready() {
			ready = append(ready, s)
		}
	}
	slices.SortFunc(ready, func(a, b snapshot) int { return strings.Compare(a.Name, b.Name) })
	return ready, nil
}

func (o *operator) waitForSnapshots(ctx context.Context, namespace string, id, n int) error {
	return cluster.Eventually(ctx, patience, func(ctx context.Context) error {
		list, err := o.snapshotsOf(ctx, namespace, id)
		if err == nil && len(list) < n {
			err = fmt.Errorf("broker %d of %s has %d ready snapshots, %d are expected", id, namespace, len(list), n)
		}
		return err
	})
}

// waitForBackup waits until the KafkaBackup is as wanted. Kafka is asked once a
// minute.
func (o *operator) waitForBackup(ctx context.Context, not string, wanted func(*v1alpha1.KafkaBackup) bool) error {
	return cluster.Eventually(ctx, 3*patience, func(ctx context.Context) error {
		kb := &v1alpha1.KafkaBackup{}
		if err := o.client.Get(ctx, client.ObjectKey{Namespace: "kafka", Name: "demo"}, kb); err != nil {
			return fmt.Errorf("read the kafkabackup: %w", err)
		}
		if !wanted(kb) {
			return errors.New(not)
		}
		return nil
	})
}
