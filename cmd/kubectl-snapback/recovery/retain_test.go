package recovery

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// volumeOf is the PersistentVolume that a claim is bound to.
func volumeOf(pvc *corev1.PersistentVolumeClaim, policy corev1.PersistentVolumeReclaimPolicy) *corev1.PersistentVolume {
	pvc.Spec.VolumeName = "pv-of-" + pvc.Name
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName}}
	pv.Spec.PersistentVolumeReclaimPolicy, pv.Status.Phase = policy, corev1.VolumeBound
	pv.Spec.ClaimRef = &corev1.ObjectReference{Namespace: pvc.Namespace, Name: pvc.Name, UID: pvc.UID}
	return pv
}

// TestOldVolumes has the volumes of claims that are to be replaced.
func TestOldVolumes(t *testing.T) {
	const kept, gone = "these PersistentVolumes are set to Retain: ", "these PersistentVolumes are deleted with their claims"
	const deletes, retains = corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain
	for name, test := range map[string]struct {
		policy  corev1.PersistentVolumeReclaimPolicy
		change  func(*corev1.PersistentVolumeClaim, *corev1.PersistentVolume)
		unread  bool
		discard bool
		keeps   bool
		minds   string // empty: nothing
		blocks  string
	}{
		"deleted":                 {policy: deletes, keeps: true, minds: kept},
		"discarded":               {policy: deletes, discard: true, minds: gone},
		"retained":                {policy: retains},
		"retained, and discarded": {policy: retains, discard: true},
		"another's":               {policy: deletes, change: func(_ *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume) { pv.Spec.ClaimRef.UID = "other" }},
		"none":                    {policy: deletes, change: func(c *corev1.PersistentVolumeClaim, _ *corev1.PersistentVolume) { c.Spec.VolumeName = "" }},
		"lost":                    {policy: deletes, change: func(c *corev1.PersistentVolumeClaim, _ *corev1.PersistentVolume) { c.Spec.VolumeName = "other" }},
		"not readable": {policy: deletes, unread: true, keeps: true, minds: "you may not read PersistentVolumes: which",
			blocks: "you may not read PersistentVolumes, so the old volumes cannot be kept until the new ones are proven: have somebody run this who may, or pass --discard-old-volumes"},
		"not readable, none":      {policy: deletes, unread: true, minds: "you may not read PersistentVolumes: which", change: func(c *corev1.PersistentVolumeClaim, _ *corev1.PersistentVolume) { c.Spec.VolumeName = "" }},
		"not readable, discarded": {policy: deletes, unread: true, discard: true, minds: "you may not read PersistentVolumes: which"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.run(noon, 0)
			claim := w.Volumes[0].Claims[0]
			pv := volumeOf(claim, test.policy)
			if test.change != nil {
				test.change(claim, pv)
			}
			around := Around{Volumes: map[string]*corev1.PersistentVolume{pv.Name: pv}}
			if test.unread {
				around.Volumes = nil
			}
			p, err := NewPlan(&w.Inventory, key, around, Request{Brokers: []string{"0"}, Discard: test.discard}, later)
			if err != nil {
				t.Fatal(err)
			}
			if p.keeps() != test.keeps {
				t.Errorf("keeps volumes: %t", p.keeps())
			}
			if said := strings.Join(p.Warnings, "\n"); (said == "") != (test.minds == "") || !strings.HasPrefix(said, test.minds) {
				t.Errorf("says %q, want %q", said, test.minds)
			}
			if said := strings.Join(p.Blocks, "\n"); (said == "") != (test.blocks == "") || !strings.HasPrefix(said, test.blocks) {
				t.Errorf("blocked by %q, want %q", said, test.blocks)
			}
			retained := slices.Contains(Steps(p, unknownOperator{}), "set the PersistentVolumes of the old claims to Retain")
			byHand := strings.Contains(strings.Join(ByHand(p, unknownOperator{}), "\n"), "\nkubectl patch pv "+pv.Name+" -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}'\nkubectl delete pvc ")
			if retained != test.keeps || byHand != test.keeps {
				t.Errorf("the steps have it: %t, those by hand: %t", retained, byHand)
			}
		})
	}
}

// agreeing is the webhook that fills a claim as the pins say.
func agreeing(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
	claim, ok := o.(*corev1.PersistentVolumeClaim)
	var all client.CreateOptions
	if all.ApplyOptions(options); !ok || len(all.DryRun) == 0 {
		return c.Create(ctx, o, options...)
	}
	name := snapshotOf(broker(claim.Name)).Obj().Name
	claim.Annotations = map[string]string{v1alpha1.AnnotationRestoredFrom: name}
	claim.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: name}
	return nil
}

// broker is the claim of one of two brokers.
func broker(claim string) *snapshotstest.Claim {
	if strings.HasSuffix(claim, "0") {
		return snapshotstest.StatefulSetClaim("kafka", 0)
	}
	return snapshotstest.StatefulSetClaim("kafka", 1)
}

// TestRetain keeps the volumes of two claims before one of these is deleted, and
// lets go of them again if the restore is given up.
func TestRetain(t *testing.T) {
	for name, test := range map[string]struct {
		discard bool
		fails   string // PersistentVolume that cannot be changed
		want    corev1.PersistentVolumeReclaimPolicy
	}{
		"kept":      {want: corev1.PersistentVolumeReclaimRetain},
		"discarded": {discard: true, want: corev1.PersistentVolumeReclaimDelete},
		"given up":  {fails: "pv-of-data-kafka-1", want: corev1.PersistentVolumeReclaimDelete},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var objects []client.Object
				for _, of := range []string{"0", "1"} {
					claim := boundClaim(broker(of))
					objects = append(objects, volumeOf(claim, corev1.PersistentVolumeReclaimDelete), claim, snapshotOf(broker(of)).Obj())
				}
				c := cluster(objects...).WithInterceptorFuncs(interceptor.Funcs{Create: agreeing,
					Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
						if o.GetName() == test.fails {
							return errors.New("it is not to be changed")
						}
						return c.Patch(ctx, o, p, options...)
					}}).Build()
				said := &bytes.Buffer{}
				r := &Runner{Client: c, Plan: plan(t, c, Request{All: true, Before: noon, Discard: test.discard, SkipTrial: true}), Out: said}
				if err := r.prepare(t.Context()); (err != nil) != (test.fails != "") {
					t.Fatalf("%v\n%s", err, said)
				}
				for _, name := range []string{"pv-of-data-kafka-0", "pv-of-data-kafka-1"} {
					var pv corev1.PersistentVolume
					if err := c.Get(t.Context(), client.ObjectKey{Name: name}, &pv); err != nil || pv.Spec.PersistentVolumeReclaimPolicy != test.want {
						t.Errorf("PersistentVolume %s is %s, want %s (error: %v)", name, pv.Spec.PersistentVolumeReclaimPolicy, test.want, err)
					}
					if by := pv.Annotations[v1alpha1.AnnotationRetainedBy]; (by == "kafka/kafka run/20260221-120000") != (test.want == corev1.PersistentVolumeReclaimRetain) {
						t.Errorf("PersistentVolume %s is kept by %q", name, by)
					}
				}
				if told := strings.Contains(said.String(), "PersistentVolume pv-of-data-kafka-0 is set to Retain: it stays when claim data-kafka-0 is deleted\n"); told == test.discard {
					t.Errorf("said:\n%s", said)
				}
				pinned := len(read(t, c, objects[2]).Annotations[v1alpha1.AnnotationRestoring]) > 0
				if pinned != (test.fails == "") {
					t.Errorf("the snapshots are pinned: %t", pinned)
				}
			})
		})
	}
}

// TestKept names the volumes that are left, those of an attempt before among
// them, and none that is in use.
func TestKept(t *testing.T) {
	live := boundClaim(snapshotstest.StatefulSetClaim("kafka", 0))
	keptBy := func(name, by string, uid types.UID, phase corev1.PersistentVolumePhase) *corev1.PersistentVolume {
		pv := volumeOf(live.DeepCopy(), corev1.PersistentVolumeReclaimRetain)
		pv.Name, pv.Annotations, pv.Spec.ClaimRef.UID, pv.Status.Phase = name, map[string]string{v1alpha1.AnnotationRetainedBy: by}, uid, phase
		return pv
	}
	const own = "kafka/kafka broker/kafka-0"
	elsewhere, available := keptBy("elsewhere", own, "other", corev1.VolumeBound), keptBy("available", own, "", corev1.VolumeAvailable)
	elsewhere.Spec.ClaimRef.Namespace, available.Spec.ClaimRef = "other", nil
	deleted := keptBy("deleted", own, "gone", corev1.VolumeReleased)
	deleted.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
	c := cluster(live, keptBy("released", own, "gone", corev1.VolumeReleased), keptBy("soon", own, "gone", corev1.VolumeBound), keptBy("again", own, live.UID, corev1.VolumeBound),
		keptBy("of-another", "kafka/kafka broker/kafka-1", "gone", corev1.VolumeReleased), elsewhere, available, deleted).Build()
	r := &Runner{Client: c, Plan: &Plan{Cluster: key, Restore: ofBrokers([]string{"kafka-0"})}, Out: t.Output()}
	kept, err := r.kept(t.Context())
	if err != nil || !slices.Equal(kept, []string{"released", "soon"}) {
		t.Errorf("kept %q (error: %v)", kept, err)
	}
	var out bytes.Buffer
	PrintRestored(&out, &Plan{Kept: kept})
	want := "\n  kubectl patch pv released soon -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Delete\"}}'\n  kubectl wait --for=delete pv released soon --timeout=10m\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("printed:\n%s\nwithout:%s", &out, want)
	}
}
