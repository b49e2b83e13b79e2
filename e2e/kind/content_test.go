package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/kafka/logdir"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// checkContent takes snapshots of a broker that are good, torn and damaged, and
// damages a good one afterwards: "snapback verify" must find just that in volumes
// that are made of them.
func checkContent(ctx context.Context, w *world) error {
	k := w.kafka
	if err := k.produce(ctx, 1000); err != nil {
		return err
	}
	for _, c := range []struct {
		name, class   string
		later         bool // whether it is damaged afterwards
		torn, damaged bool
	}{
		{"good", snapshotClass, false, false, false},
		{"torn", tornClass, false, true, false},
		{"damaged", damagedClass, false, false, true},
		{"damaged-later", snapshotClass, true, false, true},
	} {
		vs, err := k.snapshot(ctx, c.name, c.class, nodes[0])
		if err == nil && c.later {
			err = k.damage(ctx, vs.Name)
		}
		if err != nil {
			return err
		}
		report, err := k.verify(ctx, vs)
		if err != nil {
			return err
		}
		torn, damage := spoilt(report)
		if torn != c.torn || (damage != "") != c.damaged || report.Sound() == c.damaged {
			return fmt.Errorf("snapshot %s: torn is %t, and the damage %q", c.name, torn, damage)
		}
	}
	return nil
}

// spoilt is whether a log is torn, and what is damaged.
func spoilt(b *logdir.Broker) (torn bool, damage string) {
	for _, d := range b.Dirs {
		for _, p := range d.Partitions {
			torn = torn || p.TornBytes > 0
			damage += strings.Join(p.Damage, ", ")
		}
	}
	return torn, damage
}

// snapshot takes a snapshot of a node's volume, as a person would.
func (k *kafkaCluster) snapshot(ctx context.Context, name, class string, n node) (*snapshotv1.VolumeSnapshot, error) {
	claim, err := k.operator.claimOf(ctx, n)
	if err != nil {
		return nil, err
	}
	vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: name},
		Spec: snapshotv1.VolumeSnapshotSpec{VolumeSnapshotClassName: &class, Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &claim}}}
	if err := k.Create(ctx, vs); err != nil {
		return nil, fmt.Errorf("create VolumeSnapshot %s: %w", name, err)
	}
	return vs, eventually(ctx, func(ctx context.Context) error {
		err := k.Get(ctx, client.ObjectKeyFromObject(vs), vs)
		if err == nil && (vs.Status == nil || !ptr.Deref(vs.Status.ReadyToUse, false)) {
			err = fmt.Errorf("VolumeSnapshot %s is not ready: %+v", name, vs.Status)
		}
		return err
	})
}

// damage damages what the storage has of a snapshot.
func (k *kafkaCluster) damage(ctx context.Context, snapshot string) error {
	var vs snapshotv1.VolumeSnapshot
	if err := k.Get(ctx, client.ObjectKey{Namespace: k.namespace, Name: snapshot}, &vs); err != nil {
		return fmt.Errorf("read VolumeSnapshot %s: %w", snapshot, err)
	}
	var content snapshotv1.VolumeSnapshotContent
	if err := k.Get(ctx, client.ObjectKey{Name: *vs.Status.BoundVolumeSnapshotContentName}, &content); err != nil {
		return fmt.Errorf("read the content of VolumeSnapshot %s: %w", snapshot, err)
	}
	return k.exec(ctx, "storage", "daemonset/csi-driver", "/csi-driver", "--root=/data", "--damage="+*content.Status.SnapshotHandle)
}

// verify runs "snapback verify" on a volume that is made of a snapshot.
func (k *kafkaCluster) verify(ctx context.Context, vs *snapshotv1.VolumeSnapshot) (*logdir.Broker, error) {
	name := "verify-" + vs.Name
	claim := snapshotstest.PlainClaim(name).In(k.namespace).Class(waitingClass).From(vs.Name).Obj()
	if err := k.Create(ctx, claim); err != nil {
		return nil, fmt.Errorf("create claim %s: %w", name, err)
	}
	// The user and the rest of the pod are those of the broker.
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: name}, Spec: k.podSpec(brokerPool)}
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	c := &pod.Spec.Containers[0]
	c.Image, c.Command, c.Env, c.ReadinessProbe = snapbackImage, nil, nil, nil
	c.Args = []string{"verify", "-o", "json", logDir(nodes[0])}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name, ReadOnly: true}}}}
	if err := k.Create(ctx, pod); err != nil {
		return nil, fmt.Errorf("create pod %s: %w", name, err)
	}
	err := eventually(ctx, func(ctx context.Context) error {
		err := k.Get(ctx, client.ObjectKeyFromObject(pod), pod)
		if ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed; err == nil && !ended {
			err = fmt.Errorf("pod %s is %s", name, pod.Status.Phase)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	said, err := k.clientset.CoreV1().Pods(k.namespace).GetLogs(name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of pod %s: %w", name, err)
	}
	// A log has both outputs of the program: an error stands before the report, or after.
	_, document, _ := strings.Cut(string(said), "{")
	var report logdir.Broker
	if err := json.NewDecoder(strings.NewReader("{" + document)).Decode(&report); err != nil {
		return nil, fmt.Errorf("pod %s says %q: %w", name, said, err)
	}
	return &report, nil
}
