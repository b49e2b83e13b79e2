package kind

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

//go:embed manifests/certmanager.yaml
var certManagerManifest []byte

const certManagerNamespace = "cert-manager"

// installCertManager runs cert-manager's controllers under the ServiceAccounts
// and rights of its own chart.
func (w *world) installCertManager(ctx context.Context) error {
	crds, err := cluster.CertManagerCRDs(ctx)
	if err != nil {
		return err
	}
	for i := range crds {
		if err := w.apply(ctx, &crds[i]); err != nil {
			return err
		}
	}
	err = eventually(ctx, func(ctx context.Context) error {
		return errors.Join(w.List(ctx, &certmanagerv1.IssuerList{}), w.List(ctx, &certmanagerv1.ClusterIssuerList{}),
			w.List(ctx, &certmanagerv1.CertificateList{}), w.List(ctx, &certmanagerv1.CertificateRequestList{}))
	})
	if err != nil {
		return fmt.Errorf("wait for its CRDs: %w", err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: certManagerNamespace}}
	if err := w.Create(ctx, ns); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create namespace %s: %w", ns.Name, err)
	}
	chart, err := cluster.CertManagerChart(ctx)
	if err != nil {
		return err
	}
	args := []string{"template", "cert-manager", chart, "--namespace=" + certManagerNamespace}
	for _, file := range []string{"serviceaccount", "rbac", "cainjector-serviceaccount", "cainjector-rbac"} {
		args = append(args, "--show-only=templates/"+file+".yaml")
	}
	rights, err := w.helm(ctx, args...)
	if err != nil {
		return err
	}
	if err := errors.Join(w.applyYAML(ctx, []byte(rights)), w.applyYAML(ctx, certManagerManifest)); err != nil {
		return err
	}
	return eventually(ctx, func(ctx context.Context) error {
		return errors.Join(w.rolledOut(ctx, certManagerNamespace, "cert-manager"), w.rolledOut(ctx, certManagerNamespace, "cert-manager-cainjector"))
	})
}
