package main_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// warnings keeps what the apiserver warns of.
type warnings struct {
	mu   sync.Mutex
	said []string
}

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

func (w *warnings) has(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.said, func(s string) bool { return strings.Contains(s, text) })
}

// On a cluster without the snapshot API both processes run, and say what is
// missing. When it is installed they do their work, the same processes.
func TestSnapshotAPIComesLater(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t)
	k, err := cluster.Start(t.Context(), cluster.Options{NoSnapshots: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	file := kubeconfig(t, account(t, k))
	host, port := serviceAddress(t, k)
	w := run(t, "webhook", "--kubeconfig="+file, "--host="+host, "--port="+port, "--cert-dir="+k.Dir+"/webhook")
	s := run(t, "scheduler", "--kubeconfig="+file, "--namespace="+cluster.Namespace)
	w.awaitReady()
	s.awaitReady()

	warned := &warnings{}
	config := rest.CopyConfig(k.Config)
	config.WarningHandlerWithContext, config.WarningHandler = nil, warned
	c := apiClient(t, &cluster.Cluster{Config: config})
	ns := newNamespace(t, c, map[string]string{v1alpha1.AnnotationRestore: "latest"})
	claim := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass)
	lost := claim.Obj()
	create(t, c, lost)
	if !warned.has("does not know VolumeSnapshots") {
		t.Errorf("warnings %q", warned.said)
	}
	kb := snapshotstest.NewBackup("often", "kafka", cluster.SnapshotClass).In(ns).Schedule("@every 2s").Obj()
	create(t, c, kb)
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(kb), kb); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(kb.Status.Conditions, "Ready")
		if ready == nil || ready.Reason != "SnapshotAPINotFound" || !strings.Contains(ready.Message, "install the CRDs") {
			return fmt.Errorf("Ready is %+v", ready)
		}
		return nil
	})

	installSnapshotAPI(t, c)
	taken := awaitSnapshot(t, c, ns)
	cut(t, c, taken)
	if err := c.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		again := claim.Obj()
		if err := c.Create(ctx, again); err != nil {
			return err
		}
		if again.Spec.DataSource == nil {
			t.Fatal("a claim started empty beside a snapshot")
		}
		return nil
	})
	if !w.running() || !s.running() {
		t.Error("a process has ended")
	}
}

func installSnapshotAPI(t *testing.T, c client.Client) {
	t.Helper()
	crds, err := cluster.SnapshotCRDs()
	if err != nil {
		t.Fatal(err)
	}
	for i := range crds {
		create(t, c, &crds[i])
	}
	eventually(t, func(ctx context.Context) error { return cluster.CreateSnapshotClass(ctx, c) })
}

// awaitSnapshot returns a snapshot that the scheduler has made.
func awaitSnapshot(t *testing.T, c client.Client, namespace string) *snapshotv1.VolumeSnapshot {
	t.Helper()
	var list snapshotv1.VolumeSnapshotList
	eventually(t, func(ctx context.Context) error {
		if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return err
		}
		if len(list.Items) == 0 {
			return errors.New("no snapshot was made")
		}
		return nil
	})
	return &list.Items[0]
}

// cut makes a snapshot ready, as the snapshot controller would.
func cut(t *testing.T, c client.Client, vs *snapshotv1.VolumeSnapshot) {
	t.Helper()
	vs.Status = &snapshotv1.VolumeSnapshotStatus{
		BoundVolumeSnapshotContentName: ptr.To("content"), CreationTime: ptr.To(metav1.NewTime(time.Now())), ReadyToUse: ptr.To(true),
	}
	if err := c.Status().Update(t.Context(), vs); err != nil {
		t.Fatal(err)
	}
}
