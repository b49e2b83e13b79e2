package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const (
	runsNamespace = "bench-runs"
	bareNamespace = "bench-bare"
	bareWorkers   = 32
)

// runs measures the runs of the scheduler. It compares them with a client that
// only creates the same number of VolumeSnapshots.
type runs struct {
	cluster   *cluster.Cluster
	client    client.Client
	store     store
	discovery discovery.DiscoveryInterface
	scheduler int // its process
	volumes   int
	began     time.Time
}

// oneRun holds the measurements of one turn.
type oneRun struct {
	bare, run time.Duration // until all creates were answered
	cpu       time.Duration // of the scheduler
	resident  float64       // MB
	requests  map[string]float64
}

func measureRuns(ctx context.Context, o options) (err error) {
	c, err := cluster.Start(ctx, cluster.Options{Snapback: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	r := &runs{cluster: c, volumes: o.volumes, began: time.Now().Truncate(time.Second)}
	if r.client, err = cluster.NewClient(c.Config); err != nil {
		return err
	}
	if r.discovery, err = discovery.NewDiscoveryClientForConfig(c.Config); err != nil {
		return err
	}
	if r.scheduler, err = child(c.Pid, "snapback scheduler "); err != nil {
		return err
	}
	if r.store, err = storeOf(c); err != nil {
		return err
	}
	if err := pauseOthers(c); err != nil {
		return err
	}
	if err := inTurn(ctx, phase{"store all objects", r.setUp}); err != nil {
		return err
	}
	r.begin(os.Stdout)
	var all []oneRun
	for i := range o.rounds {
		var one oneRun
		err := inTurn(ctx, phase{fmt.Sprintf("turn %d", i+1), func(ctx context.Context) (err error) { one, err = r.measure(ctx, i); return err }})
		if err != nil {
			return err
		}
		r.print(os.Stdout, i, one)
		all = append(all, one)
	}
	r.end(os.Stdout, all)
	return nil
}

// setUp stores the claims, each bound to a volume of its own.
func (r *runs) setUp(ctx context.Context) error {
	if err := unlimited(ctx, r.client); err != nil {
		return err
	}
	for _, name := range []string{runsNamespace, bareNamespace} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelIntercept: "off"}}}
		if err := r.client.Create(ctx, ns); err != nil {
			return fmt.Errorf("create namespace %s: %w", name, err)
		}
	}
	err := r.store.fill(ctx, r.volumes, func(i int) client.Object { _, pv := r.bound(i); return pv })
	if err != nil {
		return err
	}
	return r.store.fill(ctx, r.volumes, func(i int) client.Object { pvc, _ := r.bound(i); return pvc })
}

// bound is the i-th claim bound to its volume.
func (r *runs) bound(i int) (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	claim := r.claim(i).Obj()
	claim.UID = types.UID(fmt.Sprintf("uid-%d", i))
	return bind(claim, fmt.Sprintf("bench-%d", i), r.began)
}

func (r *runs) claim(i int) *snapshotstest.Claim {
	return snapshotstest.KoperatorClaim("kafka", i/2, fmt.Sprintf("/kafka-logs-%d", i%2)).In(runsNamespace).Class(className).
		Named(fmt.Sprintf("kafka-%d-storage-%d-abcde", i/2, i%2))
}

// measure lets the bare client and a run create as many snapshots, in turns.
func (r *runs) measure(ctx context.Context, turn int) (oneRun, error) {
	var one oneRun
	if err := quiet(ctx, r.cluster); err != nil {
		return one, err
	}
	measure := []func() error{
		func() (err error) { one.bare, err = r.bareClient(ctx, turn); return err },
		func() error { return r.oneRun(ctx, turn, &one) },
	}
	if turn%2 == 1 {
		slices.Reverse(measure)
	}
	for _, m := range measure {
		if err := errors.Join(m(), r.clean(ctx)); err != nil {
			return one, err
		}
	}
	return one, nil
}

// bareClient creates the same snapshots in a namespace that nothing watches.
func (r *runs) bareClient(ctx context.Context, turn int) (time.Duration, error) {
	at := time.Now().Add(-time.Duration(turn) * time.Hour)
	all := make([]*snapshotv1.VolumeSnapshot, r.volumes)
	for i := range all {
		b := snapshotstest.NewBackup("bare", "kafka", cluster.SnapshotClass).In(runsNamespace)
		all[i] = snapshotstest.NewSnapshot(r.claim(i), b, cluster.DriverName, at).Obj()
		all[i].Namespace, all[i].UID = bareNamespace, ""
		delete(all[i].Labels, v1alpha1.LabelManagedBy) // nor does the scheduler's cache hold them
	}
	start := time.Now()
	err := parallel(r.volumes, bareWorkers, func(i int) error { return r.client.Create(ctx, all[i]) })
	return time.Since(start), err
}

// oneRun creates a KafkaBackup that was due just now, and waits for its run.
func (r *runs) oneRun(ctx context.Context, turn int, one *oneRun) error {
	// A run that was missed starts at once when the status says that it was due.
	kb := snapshotstest.NewBackup(fmt.Sprintf("run-%d", turn), "kafka", cluster.SnapshotClass).In(runsNamespace).
		Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Schedule = "@every 15s" }).Obj()
	if err := r.client.Create(ctx, kb); err != nil {
		return fmt.Errorf("create a kafkabackup: %w", err)
	}
	due := kb.CreationTimestamp.Add(15 * time.Second)
	select { // the scheduler has taken it up by then
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(due.Add(-time.Second))):
	}
	requests, err := r.requests(ctx)
	if err != nil {
		return err
	}
	used, err := cpu(r.scheduler)
	if err != nil {
		return err
	}
	var done time.Time
	err = cluster.Eventually(ctx, 4*time.Minute, func(ctx context.Context) error {
		if err := r.client.Get(ctx, client.ObjectKeyFromObject(kb), kb); err != nil {
			return err
		}
		done = time.Now()
		if kb.Status.LastRun == nil {
			return errors.New("the run is not answered")
		}
		return nil
	})
	if err != nil {
		return err
	}
	one.run = done.Sub(kb.Status.LastRun.ScheduledTime.Time)
	if got := kb.Status.LastRun; int(got.Volumes) != r.volumes || got.Failed != 0 || got.Skipped != 0 {
		return fmt.Errorf("a run of %d volumes expected: %+v", r.volumes, got)
	}
	return errors.Join(r.after(ctx, one, requests, used), r.client.Delete(ctx, kb))
}

// after takes the figures at the end of a run, before the next one is due.
func (r *runs) after(ctx context.Context, one *oneRun, requests map[string]float64, used time.Duration) error {
	time.Sleep(time.Second) // what the run has left to do counts too
	after, err := cpu(r.scheduler)
	if err != nil {
		return err
	}
	one.cpu = after - used
	if one.resident, err = resident(r.scheduler); err != nil {
		return err
	}
	now, err := r.requests(ctx)
	if err != nil {
		return err
	}
	one.requests = map[string]float64{}
	for what, n := range now {
		if n -= requests[what]; n > 0 {
			one.requests[what] = n
		}
	}
	return nil
}

// counted is a series of the apiserver that the scheduler's requests add to.
var counted = regexp.MustCompile(`^apiserver_request_total\{.*resource="(volumesnapshots|persistentvolumeclaims|persistentvolumes|kafkabackups|events|namespaces|volumesnapshotclasses)",.*subresource="([a-z]*)",.*verb="([A-Z]+)".*\} ([0-9.e+]+)$`)

// requests are the apiserver's counts of requests, by verb and resource.
func (r *runs) requests(ctx context.Context) (map[string]float64, error) {
	content, err := r.discovery.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("scrape the apiserver: %w", err)
	}
	sums := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(string(content)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := counted.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		n, err := strconv.ParseFloat(m[4], 64)
		if err != nil {
			return nil, fmt.Errorf("read a count of the apiserver: %w", err)
		}
		sums[strings.TrimSuffix(m[3]+" "+m[1]+"/"+m[2], "/")] += n
	}
	return sums, lines.Err()
}

// clean deletes the snapshots of both namespaces, so that each turn finds none.
func (r *runs) clean(ctx context.Context) error {
	for _, ns := range []string{runsNamespace, bareNamespace} {
		if err := r.store.clear(ctx, snapshotv1.GroupName+"/volumesnapshots", ns); err != nil {
			return err
		}
	}
	return quiet(ctx, r.cluster)
}
