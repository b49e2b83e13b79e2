package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// snapbackProgram builds the server once.
var snapbackProgram = sync.OnceValues(func() (string, error) {
	return cluster.Build(context.Background(), ".", "./cmd/snapback", "snapback")
})

// runPods plays the kubelet for the pods of drills: it runs their program on the
// folder of their volume, until the test ends.
func (w *drillWorld) runPods() {
	w.Helper()
	program, err := snapbackProgram()
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	w.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		_ = cluster.Eventually(ctx, time.Hour, func(ctx context.Context) error { // until it is cancelled
			var pods corev1.PodList
			if err := w.List(ctx, &pods, client.InNamespace(w.ns), client.HasLabels{v1alpha1.LabelDrill}); err != nil {
				return err
			}
			for i := range pods.Items {
				if pods.Items[i].Status.Phase == corev1.PodPending {
					w.run(ctx, program, &pods.Items[i])
				}
			}
			return errors.New("there may be more")
		})
	}()
}

// run runs a pod to its end. It does nothing while its claim is not bound.
func (w *drillWorld) run(ctx context.Context, program string, pod *corev1.Pod) {
	dir, err := shared.Get(w.T).VolumeDir(ctx, pod.Namespace, pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName)
	if err != nil {
		return
	}
	message := filepath.Join(w.TempDir(), "termination-log")
	cmd := exec.CommandContext(ctx, program)
	there := strings.NewReplacer("/volume", dir, "/dev/termination-log", message)
	for _, arg := range pod.Spec.Containers[0].Args {
		cmd.Args = append(cmd.Args, there.Replace(arg))
	}
	end := corev1.ContainerStateTerminated{StartedAt: metav1.Now()}
	output, err := cmd.CombinedOutput()
	end.FinishedAt = metav1.Now()
	pod.Status.Phase = corev1.PodSucceeded
	if err != nil {
		pod.Status.Phase = corev1.PodFailed
	}
	end.ExitCode = int32(cmd.ProcessState.ExitCode())
	said, err := os.ReadFile(message)
	if err != nil { // as terminationMessagePolicy asks for
		said = output[max(0, len(output)-2048):]
	}
	end.Message = string(said)
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, Image: "snapback", ImageID: "snapback", State: corev1.ContainerState{Terminated: &end}}}
	_ = w.Status().Update(ctx, pod) // if it is gone, nobody waits for it
}

// writeSegment writes a log dir with one partition of so many records in two batches:
// damage to the last one of a segment is taken for an end that was not written.
func writeSegment(t *testing.T, volume string, records int) {
	t.Helper()
	dir := filepath.Join(volume, "kafka")
	partition := filepath.Join(dir, "orders-0")
	if err := os.MkdirAll(partition, 0o755); err != nil {
		t.Fatal(err)
	}
	raw := append(recordBatch(0, records/2), recordBatch(records/2, records/2)...)
	for name, content := range map[string][]byte{
		filepath.Join(dir, "meta.properties"):                  []byte("node.id=0\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\nversion=1\ncluster.id=events\n"),
		filepath.Join(partition, "partition.metadata"):         []byte("version: 0\ntopic_id: Q2nRgUvGQXu6RpCVlZK9Vg\n"),
		filepath.Join(partition, "00000000000000000000.index"): nil,
		filepath.Join(partition, "00000000000000000000.log"):   raw,
	} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func recordBatch(first, records int) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: int64(first), PartitionLeaderEpoch: 1, Magic: 2, LastOffsetDelta: int32(records - 1), FirstTimestamp: 1, MaxTimestamp: int64(first + records),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(records), Records: bytes.Repeat([]byte("0123456789"), records),
	}
	const header, crcEnd = 49, 21 // bytes after the length, and up to the end of the checksum
	b.Length = int32(header + len(b.Records))
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[crcEnd-4:], crc32.Checksum(raw[crcEnd:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}
