package ui_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/chromedp/chromedp"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
	"github.com/snapback-dev/snapback/e2e/chromium"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const driver = "csi.example.com"

// now is when every page is looked at.
var now = time.Date(2026, time.March, 1, 12, 30, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Truncate(time.Hour).Add(-d) }

func claimOf(broker int) *snapshotstest.Claim {
	return snapshotstest.StatefulSetClaim("kafka", broker).Class("ssd")
}

// bound is a claim that has been in use for days.
func bound(c *snapshotstest.Claim) *corev1.PersistentVolumeClaim {
	pvc := c.Obj()
	pvc.UID = types.UID("uid-of-" + pvc.Name)
	pvc.Status.Phase = corev1.ClaimBound
	pvc.CreationTimestamp = metav1.Time{Time: ago(48 * time.Hour)}
	return pvc
}

func hourly() *snapshotstest.Backup {
	return snapshotstest.NewBackup("hourly", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
}

// observed is the KafkaBackup as the scheduler has left it: it has restored broker 0,
// and a claim that came back empty waits for a decision.
func observed() *v1alpha1.KafkaBackup {
	kb := hourly().Obj()
	kb.UID = "uid-of-hourly"
	kb.CreationTimestamp = metav1.Time{Time: ago(48 * time.Hour)}
	kb.Status.ObservedGeneration = 1
	next := metav1.Time{Time: ago(-time.Hour)}
	kb.Status.NextScheduleTime = &next
	kb.Status.LastRun = &v1alpha1.RunStatus{ScheduledTime: metav1.Time{Time: ago(0)}, Volumes: 4, Ready: 3}
	bound := metav1.Time{Time: ago(20 * time.Hour).Add(time.Minute)}
	kb.Status.Restores = []v1alpha1.RestoreStatus{{PersistentVolumeClaim: "data-kafka-0", VolumeSnapshot: "data-kafka-0-20260228-120000-3e4a5",
		RequestedTime: metav1.Time{Time: ago(20 * time.Hour)}, BoundTime: &bound}}
	kb.Status.Conditions = []metav1.Condition{{Type: "UnprovenLineage", Status: metav1.ConditionTrue, Reason: "UnprovenLineage",
		Message: "these claims came back empty although snapshots of their volumes exist: data-kafka-2", LastTransitionTime: metav1.Time{Time: ago(3 * time.Hour)}}}
	return kb
}

// objects are a cluster of four brokers: 0 is well, 1 is lost, 2 came back empty, and of
// 3 the newest snapshot fails.
func objects() []client.Object {
	all := []client.Object{observed(), bound(claimOf(0)), bound(claimOf(2)), bound(claimOf(3))}
	for broker := range 4 {
		for hours := range 6 {
			s := snapshotstest.NewSnapshot(claimOf(broker), hourly(), driver, ago(time.Duration(hours)*time.Hour))
			switch {
			case broker == 2 && hours < 3:
				s.Ready().Lineage("second", false)
			case broker == 3 && hours == 0:
				s.Failing("the storage is full")
			case broker == 0 && hours == 2:
				s.Ready().Annotate(v1alpha1.AnnotationHold, "before the upgrade")
			case broker == 0 && hours == 4:
				s.Ready().Sound()
			default:
				s.Ready()
			}
			all = append(all, s.Obj())
		}
	}
	return all
}

func cluster() []client.Object {
	return []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "ssd"}, Provisioner: driver}}
}

// source is an inventory that a test changes.
type source struct {
	client client.Client

	mu        sync.Mutex
	inventory *inventory.Inventory
	version   uint64
	next      chan struct{}
}

func newSource(t testing.TB, c client.Client) *source {
	t.Helper()
	s := &source{client: c, next: make(chan struct{})}
	s.changed(t)
	return s
}

// changed makes the next version, of what the client has now.
func (s *source) changed(t testing.TB) {
	t.Helper()
	i, err := inventory.Load(t.Context(), s.client, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inventory = i
	s.version++
	close(s.next)
	s.next = make(chan struct{})
}

func (s *source) Inventory() (*inventory.Inventory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inventory, nil
}

func (s *source) Version() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s *source) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		s.mu.Lock()
		version, next := s.version, s.next
		s.mu.Unlock()
		if version > after {
			return version, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return version, context.Cause(ctx)
		}
	}
}

func (s *source) Stale(time.Time) []string { return nil }

// site is a running server of the page.
type site struct {
	*source
	url    string // with the token
	origin string
	end    context.CancelFunc // ends the server
}

func newSite(t testing.TB, c client.Client) *site {
	t.Helper()
	s := newSource(t, c)
	server, err := ui.Listen(ui.Config{
		Live: s, Client: c, Namespace: snapshotstest.Namespace, Where: "namespace kafka of a test", Message: error.Error, Now: func() time.Time { return now },
		Doctor: func(context.Context) ([]screen.Finding, error) {
			return []screen.Finding{{Check: "crd", State: "ok", Subject: "KafkaBackup", Message: "is served"},
				{Check: "webhook", State: "problem", Subject: "snapback", Message: "does not answer", Do: "look at its pods"}}, nil
		},
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	origin, _, _ := strings.Cut(server.URL(), "/?")
	return &site{s, server.URL(), origin, cancel}
}

func smallSite(t testing.TB) *site {
	t.Helper()
	return newSite(t, fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(append(cluster(), objects()...)...).
		WithInterceptorFuncs(interceptor.Funcs{Create: allow}).Build())
}

// allow says that one may do everything, as the apiserver does when it is asked.
func allow(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
	if review, ok := o.(*authorizationv1.SelfSubjectAccessReview); ok {
		review.Status.Allowed = true
		return nil
	}
	return c.Create(ctx, o, options...)
}

// open opens a page of the site, with a browser that was let in.
func (s *site) open(t testing.TB, b *chromium.Browser, view chromium.View, path string) chromium.Tester {
	t.Helper()
	p := b.Test(t, view)
	p.Do(chromedp.Navigate(s.url), chromedp.Navigate(s.origin+path))
	return p
}

// largeSite is of a cluster of many volumes, each with a ready snapshot of many runs.
// The fake client would take minutes to store its objects.
func largeSite(t testing.TB, volumes, runs int) *site {
	t.Helper()
	var claims []corev1.PersistentVolumeClaim
	var taken []snapshotv1.VolumeSnapshot
	for n := range volumes {
		claims = append(claims, *bound(claimOf(n)))
		for r := range runs {
			taken = append(taken, *snapshotstest.NewSnapshot(claimOf(n), hourly(), driver, ago(time.Duration(r)*time.Hour)).Ready().Obj())
		}
	}
	return newSite(t, fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{List: snapshotstest.Listed(claims, taken), Create: allow}).
		WithObjects(append(cluster(), observed())...).Build())
}
