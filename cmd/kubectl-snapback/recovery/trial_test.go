package recovery

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// trialWorld is a cluster of two brokers, whose storage may be out of order.
type trialWorld struct {
	client.WithWatch
	class     *storagev1.StorageClass
	more      []client.Object
	binds     bool
	rights    bool                            // to change PersistentVolumes
	forbids   error                           // the creation of a claim
	tried     []*corev1.PersistentVolumeClaim // claims of trials, as they were made
	onPending func()
}

func (w *trialWorld) build() {
	objects := w.more
	for n, size := range map[string]string{"0": "1Gi", "1": "2Gi"} {
		claim := boundClaim(broker(n).Class("fast").Request("3Gi"))
		objects = append(objects, volumeOf(claim, corev1.PersistentVolumeReclaimDelete), claim, snapshotOf(broker(n)).Size(size).Obj())
	}
	if w.class != nil {
		w.class.Name, w.class.Provisioner = "fast", "driver"
		objects = append(objects, w.class)
	}
	byObject := func(o client.Object) []string { return []string{string(o.(*corev1.Event).InvolvedObject.UID)} }
	w.WithWatch = cluster(objects...).WithIndex(&corev1.Event{}, "involvedObject.uid", byObject).WithInterceptorFuncs(interceptor.Funcs{Create: w.create, Get: w.get}).Build()
}

func (w *trialWorld) create(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
	claim, ok := o.(*corev1.PersistentVolumeClaim)
	if !ok || claim.GenerateName != trialName {
		return agreeing(ctx, c, o, options...)
	}
	if w.forbids != nil {
		return w.forbids
	}
	claim.UID = "trial"
	err := c.Create(ctx, claim, options...)
	w.tried = append(w.tried, claim.DeepCopy())
	if w.binds {
		pv := volumeOf(claim, ptr.Deref(w.class.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete))
		return c.Create(ctx, pv)
	}
	return err
}

// get has the claims of trials bound.
func (w *trialWorld) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if ctx.Err() != nil { // as of an apiserver
		return ctx.Err()
	}
	err := c.Get(ctx, key, o, options...)
	if claim, ok := o.(*corev1.PersistentVolumeClaim); ok && err == nil && strings.HasPrefix(claim.Name, trialName) {
		if w.binds {
			claim.Spec.VolumeName, claim.Status.Phase = "pv-of-"+claim.Name, corev1.ClaimBound
		} else if w.onPending != nil && len(w.tried) > 0 {
			w.onPending()
		}
	}
	return err
}

func trialClaim(name, cluster string) *corev1.PersistentVolumeClaim {
	p := &Plan{Cluster: key}
	p.Cluster.Name = cluster
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: name, Labels: p.trialLabels()}}
}

// TestTrial tries the storage before anything is touched. Whatever comes of it,
// no claim is left, and where it fails no pin and no other change.
func TestTrial(t *testing.T) {
	waits := &storagev1.StorageClass{VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)}
	warning := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: "e"}, Type: corev1.EventTypeWarning,
		InvolvedObject: corev1.ObjectReference{UID: "trial"}, Message: "the snapshot is not there"}
	forbidden := func(why string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "persistentvolumeclaims"}, "", &time.ParseError{Message: why})
	}
	for name, test := range map[string]struct {
		world   trialWorld
		request Request
		stop    bool   // somebody interrupts it
		tries   int    // claims that are made
		says    string // a line
		fails   string
	}{
		"it is well": {world: trialWorld{class: &storagev1.StorageClass{}, binds: true}, tries: 1, says: "the storage has made a volume of VolumeSnapshot data-kafka-1-"},
		"it is out of order": {world: trialWorld{class: &storagev1.StorageClass{}, more: []client.Object{warning}}, tries: 1,
			fails: "which tries the storage, is Pending: the snapshot is not there; see to it, or pass --skip-trial to delete the old claims all the same; the pins were taken off again, nothing else was changed"},
		"interrupted":        {world: trialWorld{class: &storagev1.StorageClass{}}, stop: true, tries: 1, fails: "interrupted: claim " + trialName},
		"waits for a pod":    {world: trialWorld{class: waits}, says: "the storage could not be tried before anything is deleted: StorageClass fast makes a volume only once a pod needs it (WaitForFirstConsumer)"},
		"its class is gone":  {world: trialWorld{}, says: `the storage could not be tried before anything is deleted: there is no StorageClass "fast"`},
		"not allowed":        {world: trialWorld{class: &storagev1.StorageClass{}, forbids: forbidden("by rights")}, says: "the storage could not be tried before anything is deleted: "},
		"not wanted":         {world: trialWorld{class: &storagev1.StorageClass{}}, request: Request{SkipTrial: true}},
		"its class retains":  {world: trialWorld{class: &storagev1.StorageClass{ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimRetain)}, binds: true, rights: true}, tries: 1},
		"and it must remain": {world: trialWorld{class: &storagev1.StorageClass{ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimRetain)}, binds: true}, says: "StorageClass fast retains volumes, and you may not get persistentvolumes, so that of the trial would stay"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := test.world
				w.more = append(w.more, trialClaim("snapback-probe-left", "kafka"), trialClaim("snapback-probe-theirs", "other"))
				w.build()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if test.stop {
					w.onPending = stop
				}
				test.request.All, test.request.Before = true, noon
				said := &bytes.Buffer{}
				r := &Runner{Client: rightful{w.WithWatch, w.rights}, Plan: plan(t, w, test.request), Out: said, Timeout: time.Minute}
				err := r.prepare(ctx)
				if (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
					t.Errorf("error %v, want %q\n%s", err, test.fails, said)
				}
				if !strings.Contains(said.String(), test.says) || len(w.tried) != test.tries {
					t.Errorf("%d claims were made, and said was:\n%s\nwant %d, and: %s", len(w.tried), said, test.tries, test.says)
				}
				w.check(t, err == nil)
			})
		})
	}
}

// check looks at what a trial has left, and at what it was made of.
func (w *trialWorld) check(t *testing.T, goesOn bool) {
	t.Helper()
	var claims corev1.PersistentVolumeClaimList
	var volumes corev1.PersistentVolumeList
	if w.List(t.Context(), &claims) != nil || w.List(t.Context(), &volumes) != nil {
		t.Fatal("the claims or volumes could not be listed")
	}
	for _, c := range claims.Items {
		if strings.HasPrefix(c.Name, trialName) && c.Name != "snapback-probe-theirs" {
			t.Errorf("claim %s is left", c.Name)
		}
	}
	for _, pv := range volumes.Items {
		want := corev1.PersistentVolumeReclaimDelete // a trial's goes with its claim
		if goesOn && !strings.HasPrefix(pv.Spec.ClaimRef.Name, trialName) {
			want = corev1.PersistentVolumeReclaimRetain
		}
		if pv.Spec.PersistentVolumeReclaimPolicy != want {
			t.Errorf("PersistentVolume %s is %s, want %s", pv.Name, pv.Spec.PersistentVolumeReclaimPolicy, want)
		}
	}
	if pinned := read(t, w, snapshotOf(broker("0")).Obj()).Annotations[v1alpha1.AnnotationRestoring] != ""; pinned != goesOn {
		t.Errorf("the snapshots are pinned: %t", pinned)
	}
	for _, c := range w.tried {
		if c.Spec.DataSource.Name != snapshotOf(broker("1")).Obj().Name || *c.Spec.StorageClassName != "fast" || c.Spec.Resources.Requests.Storage().String() != "3Gi" {
			t.Errorf("tried with %+v", c.Spec)
		}
		if want := map[string]string{"app.kubernetes.io/managed-by": "snapback", "snapback.dev/restore-trial": "kafka"}; !maps.Equal(c.Labels, want) {
			t.Errorf("labels %v, want %v", c.Labels, want)
		}
	}
}

// rightful answers what somebody may do.
type rightful struct {
	client.Client
	allowed bool
}

func (r rightful) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	if review, ok := o.(*authorizationv1.SelfSubjectAccessReview); ok {
		review.Status.Allowed = r.allowed
		return nil
	}
	return r.Client.Create(ctx, o, options...)
}

// TestNoTrial has plans by which no disk is replaced.
func TestNoTrial(t *testing.T) {
	for name, change := range map[string]func(*world){
		"lost":    func(w *world) { w.Volumes[0].Claims = nil },
		"pending": func(w *world) { w.Volumes[0].Claims[0].Status.Phase = corev1.ClaimPending },
		"done": func(w *world) {
			w.Volumes[0].Snapshots[0].Annotations[v1alpha1.AnnotationRestoring] = "broker/kafka-0 before"
			w.Volumes[0].Claims[0].Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: w.Volumes[0].Snapshots[0].Name}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.run(noon, 0)
			change(w)
			p, err := w.plan(Request{Brokers: []string{"0"}})
			if err != nil || p.largest() != nil {
				t.Errorf("tried with %+v (error: %v)", p.largest(), err)
			}
		})
	}
}

// TestTrialTaken has a volumeSelector that would take the claim of a trial for
// a broker's.
func TestTrialTaken(t *testing.T) {
	w := newWorld(t, 1)
	w.run(noon, 0)
	w.backup.Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.VolumeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	})
	w.parse()
	p, err := w.plan(Request{Brokers: []string{"0"}})
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{Plan: p}
	if why, err := r.cannotTry(t.Context(), p.largest()); err != nil || !strings.HasPrefix(why, "the volumeSelector of a KafkaBackup takes any claim") {
		t.Errorf("why it cannot be tried: %q (error: %v)", why, err)
	}
}
