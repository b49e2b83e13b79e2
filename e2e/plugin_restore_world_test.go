package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// kafkaWorld is a Kafka cluster without brokers: its claims and pods, and a
// stand-in that makes them again and marks pods as ready.
type kafkaWorld struct {
	client.Client
	namespace string
	backup    *v1alpha1.KafkaBackup

	// Of brokers whose claims and pods are made here, by pod.
	claims  map[string]*snapshotstest.Claim
	stopped func(context.Context) bool // no claims are made; nil: never
	podsToo bool                       // no pods either, while it is stopped
	class   string                     // StorageClass of the claims

	mu    sync.Mutex
	unfit map[string]bool // pods that do not become ready
	log   []string        // what was made, and what became ready
}

func newKafkaWorld(t *testing.T, kafkaCluster string, optedIn bool) *kafkaWorld {
	t.Helper()
	w := &kafkaWorld{Client: apiClient(t), class: cluster.StorageClass, claims: map[string]*snapshotstest.Claim{}, unfit: map[string]bool{}}
	w.namespace = newNamespace(t, w, nil)
	backup := snapshotstest.NewBackup("hourly", kafkaCluster, cluster.SnapshotClass).In(w.namespace).Schedule("@every 1h")
	if optedIn {
		backup.Annotate(v1alpha1.AnnotationRestore, "latest")
	}
	w.backup = backup.Obj()
	create(t, w, w.backup)
	return w
}

// play makes claims and pods and has pods ready, until the test ends.
func (w *kafkaWorld) play(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			w.operate(ctx)
			w.ready(ctx)
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
}

func (w *kafkaWorld) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, what)
}

// operate makes what the brokers lack. A conflict is tried again.
func (w *kafkaWorld) operate(ctx context.Context) {
	stopped := w.stopped != nil && w.stopped(ctx)
	var claims corev1.PersistentVolumeClaimList
	var pods corev1.PodList
	if w.List(ctx, &claims, client.InNamespace(w.namespace)) != nil || w.List(ctx, &pods, client.InNamespace(w.namespace)) != nil {
		return
	}
	for pod, builder := range w.claims {
		wanted := builder.In(w.namespace).Class(w.class).Obj()
		found := slices.DeleteFunc(slices.Clone(claims.Items), func(c corev1.PersistentVolumeClaim) bool {
			return !labels.SelectorFromSet(wanted.Labels).Matches(labels.Set(c.Labels)) || wanted.Name != "" && c.Name != wanted.Name
		})
		if len(found) == 0 && !stopped && w.Create(ctx, wanted) == nil {
			w.note("claim of " + pod)
		}
		if i := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return p.Name == pod }); i >= 0 {
			if !stopped && cannotStart(&pods.Items[i], claims.Items) {
				_ = w.Delete(ctx, &pods.Items[i], client.Preconditions{UID: &pods.Items[i].UID}) // the next look goes on
			}
			continue
		}
		name := wanted.Name
		if len(found) > 0 {
			name = found[0].Name
		}
		if name != "" && !(stopped && w.podsToo) && (wanted.UID != "" || len(found) > 0 && found[0].DeletionTimestamp == nil || builder.Obj().Name != "") {
			_ = w.Create(ctx, podWith(w.namespace, pod, name)) // the next look goes on
		}
	}
}

// cannotStart reports whether a pod waits for a claim that is gone: it was made of a claim
// that was deleted in the same moment.
func cannotStart(pod *corev1.Pod, claims []corev1.PersistentVolumeClaim) bool {
	return len(pod.Status.Conditions) == 0 && time.Since(pod.CreationTimestamp.Time) > 5*time.Second &&
		slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && !slices.ContainsFunc(claims, func(c corev1.PersistentVolumeClaim) bool { return c.Name == v.PersistentVolumeClaim.ClaimName })
		})
}

func podWith(namespace, name, claim string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "kafka", Image: "kafka"}},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}},
	}}
}

// ready says that the pods are ready whose claims are bound.
func (w *kafkaWorld) ready(ctx context.Context) {
	var pods corev1.PodList
	if w.List(ctx, &pods, client.InNamespace(w.namespace)) != nil {
		return
	}
	for n := range pods.Items {
		pod := &pods.Items[n]
		w.mu.Lock()
		unfit := w.unfit[pod.Name]
		w.mu.Unlock()
		if unfit || len(pod.Status.Conditions) > 0 && pod.Status.Conditions[0].Type == corev1.PodReady || !w.claimsBound(ctx, pod) {
			continue
		}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		pod.Status.Phase = corev1.PodRunning
		if w.Status().Update(ctx, pod) == nil {
			w.note("ready " + pod.Name)
		}
	}
}

func (w *kafkaWorld) claimsBound(ctx context.Context, pod *corev1.Pod) bool {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		var pvc corev1.PersistentVolumeClaim
		err := w.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: v.PersistentVolumeClaim.ClaimName}, &pvc)
		if err != nil || pvc.Status.Phase != corev1.ClaimBound || pvc.DeletionTimestamp != nil {
			return false
		}
	}
	return true
}

// claim waits until a broker's claim is bound, and returns it.
func (w *kafkaWorld) claim(t *testing.T, like *snapshotstest.Claim) (found *corev1.PersistentVolumeClaim) {
	t.Helper()
	wanted := like.Obj()
	eventually(t, func(ctx context.Context) error {
		var list corev1.PersistentVolumeClaimList
		if err := w.List(ctx, &list, client.InNamespace(w.namespace), client.MatchingLabels(wanted.Labels)); err != nil {
			return err
		}
		for n := range list.Items {
			c := &list.Items[n]
			if (wanted.Name == "" || wanted.Name == c.Name) && c.DeletionTimestamp == nil && c.Status.Phase == corev1.ClaimBound {
				found = c
				return nil
			}
		}
		return fmt.Errorf("no claim of %s%s is bound", wanted.Name, wanted.GenerateName)
	})
	return found
}

// run asks for one run, waits until it has a ready snapshot of each of so many
// volumes, and returns its name.
func (w *kafkaWorld) run(t *testing.T, volumes int) string {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Second)
	if last, err := time.Parse(time.RFC3339, w.backup.Annotations[v1alpha1.AnnotationRunNow]); err == nil && !at.After(last) {
		at = last.Add(time.Second)
	}
	w.annotate(t, w.backup, v1alpha1.AnnotationRunNow, at.Format(time.RFC3339))
	name := snapshots.FormatRun(at)
	eventually(t, func(ctx context.Context) error {
		if all := w.snapshots(ctx, name); len(all) != volumes {
			return fmt.Errorf("run %s has %d ready snapshots", name, len(all))
		}
		return nil
	})
	return name
}

// snapshots are the ready ones of a run; empty: of all runs.
func (w *kafkaWorld) snapshots(ctx context.Context, run string) []snapshotv1.VolumeSnapshot {
	var list snapshotv1.VolumeSnapshotList
	if w.List(ctx, &list, client.InNamespace(w.namespace)) != nil {
		return nil
	}
	return slices.DeleteFunc(list.Items, func(vs snapshotv1.VolumeSnapshot) bool {
		return run != "" && vs.Labels[v1alpha1.LabelRun] != run || vs.Status == nil || vs.Status.ReadyToUse == nil || !*vs.Status.ReadyToUse
	})
}

func (w *kafkaWorld) annotate(t *testing.T, o client.Object, key, value string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, body)); err != nil {
		t.Fatal(err)
	}
}

// unpinned waits until nothing of a restore is left on the snapshots.
func (w *kafkaWorld) unpinned(t *testing.T) {
	t.Helper()
	for _, vs := range w.snapshots(t.Context(), "") {
		for _, key := range []string{v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationHold, "snapback.dev/restoring"} {
			if value, ok := vs.Annotations[key]; ok {
				t.Errorf("%s of VolumeSnapshot %s is %q still", key, vs.Name, value)
			}
		}
	}
}

// restore runs "kubectl snapback restore".
func (w *kafkaWorld) restore(t *testing.T, args ...string) printed {
	t.Helper()
	return kubectlSnapback(t, w.namespace, append([]string{"restore", "--timeout", "1m"}, args...)...)
}

// running is the plugin while it runs.
type running struct {
	*exec.Cmd
	err *said
}

// said keeps the text that is written to it, and can be read at the same time.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// startRestore starts "kubectl snapback restore".
func (w *kafkaWorld) startRestore(t *testing.T, args ...string) running {
	t.Helper()
	program, err := plugin()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"restore", "--timeout", "1m", "--kubeconfig", shared.Get(t).Kubeconfig(), "-n", w.namespace}, args...)
	r := running{exec.CommandContext(t.Context(), program, args...), &said{}}
	r.Stderr = r.err
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// kill ends it as a lost machine does.
func (r running) kill(t *testing.T) {
	t.Helper()
	_ = r.Process.Kill() // an error is told by Wait
	if err := r.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it was to be killed, and ended: %v\n%s", err, r.err)
	}
}
