package kind

import (
	"context"
	"fmt"
	"net"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/forward"
	"github.com/snapback-dev/snapback/kafka"
)

// checkForward asks a broker in a pod from outside of the cluster, through the
// apiserver. The broker listens on the pod's own loopback device, where only
// forwarded connections come from.
func checkForward(ctx context.Context, w *world) error {
	namespace, err := w.namespace(ctx, "forward", nil)
	if err != nil {
		return err
	}
	pod := brokerPod(namespace, "kafka-0", "")
	pod.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	if err := w.Create(ctx, pod); err != nil {
		return fmt.Errorf("create the broker's pod: %w", err)
	}
	if _, err := w.produce(ctx, namespace, pod.Name); err != nil {
		return err
	}
	forwarder, err := forward.New(w.config, w, namespace)
	if err != nil {
		return err
	}
	client, err := kafka.NewClient(kafka.Config{
		Bootstrap: []string{"kafka-0.kafka-headless." + namespace + ".svc:9092"},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) { // it advertises 127.0.0.1
			return forwarder.Dial(ctx, network, "kafka-0.kafka-headless."+namespace+".svc:9092")
		},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	o, err := client.Observe(ctx)
	switch {
	case err != nil:
		return err
	case len(o.Silent) > 0:
		return fmt.Errorf("the broker is silent: %w", o.Silent[0].Why)
	case len(o.Topics) == 0:
		return fmt.Errorf("the broker has no topics, although records were produced: %+v", o)
	}
	return nil
}
