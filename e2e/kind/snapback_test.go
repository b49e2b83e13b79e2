package kind

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// getHelm builds Helm from source, beside the kubeconfig.
func (w *world) getHelm(ctx context.Context) error {
	_, err := command(ctx, "env", "GOBIN="+w.programs(), "go", "install", "helm.sh/helm/v4/cmd/helm@v4.3.1")
	return err
}

// programs is the folder of the programs that a person has on the PATH.
func (w *world) programs() string { return filepath.Dir(w.kubeconfig) }

// helm runs Helm on the cluster, in Snapback's namespace unless the arguments
// say another one.
func (w *world) helm(ctx context.Context, args ...string) (string, error) {
	return command(ctx, filepath.Join(w.programs(), "helm"), append([]string{"--kubeconfig=" + w.kubeconfig, "--namespace=" + cluster.Namespace}, args...)...)
}

// shell runs a line of the README as a person would.
func (w *world) shell(ctx context.Context, line string) error {
	_, err := command(ctx, "env", "KUBECONFIG="+w.kubeconfig, "PATH="+w.programs()+":"+os.Getenv("PATH"), "sh", "-c", line)
	return err
}

// withDrills is the flag of Helm that installs the component drills.
const withDrills = "--set=drills.enabled=true"

// installSnapback installs it as the README says, with cert-manager and restore
// drills, and waits until all of its replicas answer. What a cluster that was kept has is
// replaced.
func (w *world) installSnapback(ctx context.Context) error {
	with, _, err := readInstallations()
	if err != nil {
		return err
	}
	there, err := w.helm(ctx, "list", "--short")
	if err != nil {
		return err
	}
	if there != "" {
		return w.upgradeSnapback(ctx, withDrills)
	}
	if err := w.shell(ctx, with.install+" "+withDrills); err != nil {
		return err
	}
	if err := w.restrict(ctx, cluster.Namespace); err != nil {
		return err
	}
	return w.answering(ctx)
}

// restrict has a namespace's pods checked as docs/install.md says.
func (w *world) restrict(ctx context.Context, namespace string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`))
	if err := w.Patch(ctx, ns, patch); err != nil {
		return fmt.Errorf("label namespace %s: %w", ns.Name, err)
	}
	return nil
}

// upgradeSnapback changes some of the chart's values, and waits until all
// replicas answer.
func (w *world) upgradeSnapback(ctx context.Context, args ...string) error {
	args = append([]string{"upgrade", "snapback", "manifests/helm", "--reuse-values"}, args...)
	if _, err := w.helm(ctx, args...); err != nil {
		return err
	}
	return w.answering(ctx)
}

// answering waits until all replicas are ready, and the apiserver reaches them:
// the node hears of their addresses a moment later.
func (w *world) answering(ctx context.Context) error {
	if err := w.settled(ctx, 2); err != nil {
		return err
	}
	return eventually(ctx, func(ctx context.Context) error {
		return w.Create(ctx, koperatorClaim("events", 0).In(metav1.NamespaceDefault).Obj(), client.DryRunAll)
	})
}

// uninstallSnapback does as docs/install.md says: the webhook configuration
// first.
func (w *world) uninstallSnapback(ctx context.Context) error {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "snapback"}}
	if err := w.Delete(ctx, configuration); err != nil {
		return fmt.Errorf("delete the webhook configuration: %w", err)
	}
	if _, err := w.helm(ctx, "uninstall", "snapback"); err != nil {
		return err
	}
	return eventually(ctx, func(ctx context.Context) error {
		pods, err := w.snapbackPods(ctx)
		if len(pods) > 0 {
			err = fmt.Errorf("%d pods of Snapback are still there", len(pods))
		}
		return err
	})
}
