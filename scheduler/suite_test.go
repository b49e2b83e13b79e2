package scheduler_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/scheduler"
	"github.com/snapback-dev/snapback/scheduler/observe"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// shared is a cluster without Snapback: each test runs a scheduler of its own,
// on a clock of its own, with the rights of the shipped ServiceAccount.
var shared = &cluster.Shared{}

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(shared.Stop(shared.MustUse(m.Run(), cluster.Account, cluster.SchedulerUses)))
}

// patience is the limit for what takes some seconds, or on a busy machine as long as the
// resyncs of csi-snapshotter (20 s) and the scheduler (30 s).
const patience = 3 * time.Minute

// fixture is a namespace with a scheduler that sees only this namespace.
type fixture struct {
	*testing.T
	client    client.Client
	namespace string
	clock     *clockwork.FakeClock
	options   func(*manager.Options) // changes those of the scheduler; nil: as they are
	connect   observe.Connect        // to Kafka; nil: none is asked
	drills    bool                   // the component that drills is installed
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	t.Parallel()
	c, err := cluster.NewClient(shared.Get(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	// No webhook runs here: its entries would refuse every broker's claim.
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kafka-", Labels: map[string]string{v1alpha1.LabelIntercept: "off"}}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	return &fixture{T: t, client: c, namespace: ns.Name, clock: clockwork.NewFakeClockAt(now)}
}

// start runs a scheduler until the returned function is called, or the test
// ends.
func (f *fixture) start() (stop func()) {
	f.Helper()
	config, err := shared.Get(f).SnapbackConfig()
	if err != nil {
		f.Fatal(err)
	}
	own := cache.ByObject{Namespaces: map[string]cache.Config{f.namespace: {}}}
	options := manager.Options{
		Scheme: api.NewScheme(), Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.KafkaBackup{}:         own,
			&corev1.PersistentVolumeClaim{}: own,
			&corev1.ConfigMap{}:             {Namespaces: own.Namespaces, Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelConfigMap: "true"})},
		}},
	}
	if f.options != nil {
		f.options(&options)
	}
	m, err := manager.New(config, options)
	if err != nil {
		f.Fatal(err)
	}
	admin := shared.Get(f).Config // the lease of a test is not the shipped one
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, f.namespace, "scheduler",
		resourcelock.ResourceLockConfig{Identity: fmt.Sprint(time.Now().UnixNano())}, admin, 10*time.Second)
	if err != nil {
		f.Fatal(err)
	}
	if err := m.Add(&scheduler.Scheduler{Manager: m, Clock: f.clock, Lock: lock, SnapshotsIn: f.namespace, Connect: f.connect, Drills: f.drills}); err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	stop = func() {
		cancel()
		if err, running := <-ended; running {
			close(ended)
			if err != nil {
				f.Errorf("the scheduler ended: %v", err)
			}
		}
	}
	f.Cleanup(stop)
	return stop
}

func (f *fixture) create(o client.Object) {
	f.Helper()
	if err := f.client.Create(f.Context(), o); err != nil {
		f.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// brokers creates the bound claims of so many brokers, and returns their names.
func (f *fixture) brokers(n int) []string {
	f.Helper()
	names := make([]string, n)
	for i := range n {
		names[i] = f.claim(snapshotstest.KoperatorClaim("kafka", i, "/kafka-logs")).Name
	}
	return names
}

// claim creates a claim and waits until it is bound.
func (f *fixture) claim(b *snapshotstest.Claim) *corev1.PersistentVolumeClaim {
	f.Helper()
	pvc := b.In(f.namespace).Class(cluster.StorageClass).Obj()
	f.create(pvc)
	f.eventually(func(ctx context.Context) error {
		_, err := shared.Get(f).VolumeDir(ctx, pvc.Namespace, pvc.Name)
		return err
	})
	return pvc
}

func (f *fixture) backup(b *snapshotstest.Backup) *v1alpha1.KafkaBackup {
	f.Helper()
	kb := b.In(f.namespace).Obj()
	f.create(kb)
	return kb
}

func (f *fixture) eventually(condition func(context.Context) error) {
	f.Helper()
	if err := cluster.Eventually(f.Context(), patience, condition); err != nil {
		f.Fatal(err)
	}
}

// until waits until the condition accepts the status of a KafkaBackup.
func (f *fixture) until(kb *v1alpha1.KafkaBackup, what string, condition func(v1alpha1.KafkaBackupStatus) bool) v1alpha1.KafkaBackupStatus {
	f.Helper()
	var got v1alpha1.KafkaBackup
	f.eventually(func(ctx context.Context) error {
		if err := f.client.Get(ctx, client.ObjectKeyFromObject(kb), &got); err != nil {
			return err
		}
		if !condition(got.Status) {
			return fmt.Errorf("%s: not yet: %+v", what, got.Status)
		}
		return nil
	})
	return got.Status
}

// scheduled waits until the next run of a KafkaBackup is known, and returns its
// time.
func (f *fixture) scheduled(kb *v1alpha1.KafkaBackup) time.Time {
	f.Helper()
	status := f.until(kb, "a next run", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.NextScheduleTime != nil && s.NextScheduleTime.After(f.clock.Now()) && s.ObservedGeneration > 0
	})
	return status.NextScheduleTime.UTC()
}

// runNext moves the clock to the next run, and waits until the run's snapshots are
// ready.
func (f *fixture) runNext(kb *v1alpha1.KafkaBackup) time.Time {
	f.Helper()
	at := f.scheduled(kb)
	f.clock.Advance(at.Sub(f.clock.Now()))
	f.until(kb, "the run of "+at.String(), func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun != nil && s.LastRun.ScheduledTime.Time.Equal(at) && s.LastRun.CompletionTime != nil
	})
	return at
}

// lookAgain makes the scheduler reconcile a KafkaBackup, since its own resync does
// not follow the fake clock.
func (f *fixture) lookAgain(kb *v1alpha1.KafkaBackup) {
	f.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{"looked-at":%q}}}`, f.clock.Now()))
	if err := f.client.Patch(f.Context(), kb.DeepCopy(), patch); err != nil {
		f.Fatal(err)
	}
}

// snapshots lists all VolumeSnapshots of the namespace, by name.
func (f *fixture) snapshots() []snapshotv1.VolumeSnapshot {
	f.Helper()
	var list snapshotv1.VolumeSnapshotList
	if err := f.client.List(f.Context(), &list, client.InNamespace(f.namespace)); err != nil {
		f.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b snapshotv1.VolumeSnapshot) int { return strings.Compare(a.Name, b.Name) })
	return list.Items
}

// waitForEvent waits for an Event of the reason on a KafkaBackup.
func (f *fixture) waitForEvent(kb *v1alpha1.KafkaBackup, reason string) {
	f.Helper()
	f.eventually(func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := f.client.List(ctx, &list, client.InNamespace(f.namespace)); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Regarding.UID == kb.UID && e.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("no Event %s among %d", reason, len(list.Items))
	})
}

// ready returns the Ready condition.
func ready(s v1alpha1.KafkaBackupStatus) metav1.Condition {
	if c := meta.FindStatusCondition(s.Conditions, "Ready"); c != nil {
		return *c
	}
	return metav1.Condition{}
}
