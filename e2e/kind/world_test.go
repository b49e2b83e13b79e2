package kind

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// patience is the limit for steps that take some seconds when all is well, on a
// busy machine.
const patience = 3 * time.Minute

// world is the environment of the checks: a cluster with storage and Snapback.
type world struct {
	client.Client
	clientset  kubernetes.Interface
	config     *rest.Config
	kubeconfig string               // file
	warnings   *warnings            // of all that was created or changed
	logf       func(string, ...any) // of the check that runs
	kafka      *kafkaCluster        // that runs; nil: none
}

func newWorld(k *kind) (*world, error) {
	config, err := clientcmd.BuildConfigFromFlags("", k.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's kubeconfig: %w", err)
	}
	config.QPS = -1
	w := &world{kubeconfig: k.kubeconfig, config: config, warnings: &warnings{}}
	config.WarningHandlerWithContext = w.warnings
	if w.Client, err = cluster.NewClient(config); err != nil {
		return nil, err
	}
	if w.clientset, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return w, nil
}

// eventually waits for a condition.
func eventually(ctx context.Context, condition func(context.Context) error) error {
	return cluster.Eventually(ctx, patience, condition)
}

// namespace creates a namespace of the check's own.
func (w *world) namespace(ctx context.Context, prefix string, annotations map[string]string) (string, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-", Annotations: annotations}}
	if err := w.Create(ctx, ns); err != nil {
		return "", fmt.Errorf("create a namespace: %w", err)
	}
	return ns.Name, nil
}

// exec runs a command in the first container of a pod, or of a pod of a workload. It
// goes through the node's own kubectl, which saves us the client of a streaming
// protocol.
func (w *world) exec(ctx context.Context, namespace, pod string, args ...string) error {
	_, err := command(ctx, "docker", append([]string{"exec", clusterName + "-control-plane",
		"kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "exec", "--namespace=" + namespace, pod, "--"}, args...)...)
	return err
}
