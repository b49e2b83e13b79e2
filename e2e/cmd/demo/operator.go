package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/kafka"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// patience is for what takes a second or two; the backups take the longest.
const patience = time.Minute

// operator is a stand-in for Koperator: it creates claims with generated names
// and starts a broker on each.
type operator struct {
	cluster *cluster.Cluster
	client  client.Client
	program string // the broker
	brokers map[string]*broker
}

type broker struct {
	claim   string
	process *kafka.Broker
}

func key(namespace string, id int) string { return fmt.Sprintf("%s/%d", namespace, id) }

func newOperator(ctx context.Context, c *cluster.Cluster) (*operator, error) {
	config := rest.CopyConfig(c.Config)
	config.WarningHandlerWithContext = warnings{}
	api, err := cluster.NewClient(config)
	if err != nil {
		return nil, err
	}
	program, err := cluster.Build(ctx, ".", "./e2e/cmd/broker", "broker")
	if err != nil {
		return nil, err
	}
	return &operator{cluster: c, client: api, program: program, brokers: map[string]*broker{}}, nil
}

// warnings prints what the apiserver says beside its answers, as kubectl does.
type warnings struct{}

func (warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _, text string) {
	if code == 299 && !strings.Contains(text, "has no snapshot") { // said of every new broker
		say("   Warning: %s", text)
	}
}

func (o *operator) stop() {
	for _, b := range o.brokers {
		b.process.Kill()
	}
}

func (o *operator) addr(namespace string, id int) string {
	return o.brokers[key(namespace, id)].process.Addr
}

// createCluster creates a Kafka cluster "kafka" in a namespace of its own.
func (o *operator) createCluster(ctx context.Context, namespace string, ids ...int) error {
	if err := o.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return fmt.Errorf("create namespace %s: %w", namespace, err)
	}
	for _, id := range ids {
		pvc, err := o.createBroker(ctx, namespace, id)
		if err != nil {
			return err
		}
		say("   broker %d: claim %s, bound", id, pvc.Name)
	}
	return nil
}

// createBroker creates a broker's claim, waits for its volume and starts the
// broker on it.
func (o *operator) createBroker(ctx context.Context, namespace string, id int) (*corev1.PersistentVolumeClaim, error) {
	pvc := snapshotstest.KoperatorClaim("kafka", id, "/kafka-logs").In(namespace).Class(cluster.StorageClass).Obj()
	if err := o.client.Create(ctx, pvc); err != nil {
		return nil, fmt.Errorf("create the claim of broker %d: %w", id, err)
	}
	var dir string
	err := cluster.Eventually(ctx, patience, func(ctx context.Context) (err error) {
		dir, err = o.cluster.VolumeDir(ctx, namespace, pvc.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	process, err := kafka.Start(ctx, o.program, dir)
	if err != nil {
		return nil, err
	}
	o.brokers[key(namespace, id)] = &broker{claim: pvc.Name, process: process}
	return pvc, nil
}

// loseBroker kills a broker and deletes its claim; its volume goes with it.
func (o *operator) loseBroker(ctx context.Context, namespace string, id int) (string, error) {
	lost := o.brokers[key(namespace, id)]
	delete(o.brokers, key(namespace, id))
	lost.process.Kill()
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: lost.claim}}
	if err := o.client.Get(ctx, client.ObjectKeyFromObject(pvc), pvc); err != nil {
		return "", fmt.Errorf("read claim %s: %w", lost.claim, err)
	}
	if err := o.client.Delete(ctx, pvc); err != nil {
		return "", fmt.Errorf("delete claim %s: %w", lost.claim, err)
	}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName}}
	return lost.claim, cluster.Eventually(ctx, patience, func(ctx context.Context) error {
		if err := o.client.Get(ctx, client.ObjectKeyFromObject(pv), pv); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the volume %s of claim %s is still there: %w", pv.Name, lost.claim, err)
		}
		return nil
	})
}

func (o *operator) createBackup(ctx context.Context, namespace string, annotations map[string]string) error {
	kb := snapshotstest.NewBackup("demo", "kafka", cluster.SnapshotClass).In(namespace).Schedule("@every 10s").
		Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "10m" })
	for k, v := range annotations {
		kb.Annotate(k, v)
	}
	if err := o.client.Create(ctx, kb.Obj()); err != nil {
		return fmt.Errorf("create the KafkaBackup of %s: %w", namespace, err)
	}
	return nil
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
