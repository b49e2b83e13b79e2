package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	webhookService = "snapback-webhook"
	certSecret     = "snapback-webhook-tls"
)

// helm runs Helm, from source, on the cluster.
func (w *world) helm(ctx context.Context, args ...string) error {
	_, err := command(ctx, "go", append([]string{"run", "helm.sh/helm/v4/cmd/helm@v4.3.1",
		"--kubeconfig=" + w.kubeconfig, "--namespace=" + cluster.Namespace}, args...)...)
	return err
}

// installSnapback installs the chart with an image, or upgrades to it, and
// waits until all of its replicas answer.
func (w *world) installSnapback(ctx context.Context, image string) error {
	ca, err := w.certificate(ctx)
	if err != nil {
		return err
	}
	repository, tag, _ := strings.Cut(image, ":")
	err = w.helm(ctx, "upgrade", "--install", "snapback", "manifests/helm",
		"--set=image.repository="+repository, "--set=image.tag="+tag, "--set=certs.mode=secret", "--set=certs.caBundle="+ca)
	if err != nil {
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

// certificate makes the webhook's certificate once, in its namespace, and
// returns its CA in base64.
func (w *world) certificate(ctx context.Context) (string, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cluster.Namespace,
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	if err := w.Create(ctx, ns); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("create namespace %s: %w", ns.Name, err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: certSecret}, Type: corev1.SecretTypeTLS}
	err := w.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if apierrors.IsNotFound(err) {
		host := webhookService + "." + ns.Name + ".svc"
		crt, key, certErr := cert.GenerateSelfSignedCertKey(host, nil, nil)
		if certErr != nil {
			return "", fmt.Errorf("make the webhook's certificate: %w", certErr)
		}
		secret.Data = map[string][]byte{corev1.TLSCertKey: crt, corev1.TLSPrivateKeyKey: key}
		err = w.Create(ctx, secret)
	}
	if err != nil {
		return "", fmt.Errorf("keep the webhook's certificate: %w", err)
	}
	return base64.StdEncoding.EncodeToString(secret.Data[corev1.TLSCertKey]), nil
}

// uninstallSnapback does as the README says: the webhook configuration first.
func (w *world) uninstallSnapback(ctx context.Context) error {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "snapback"}}
	if err := w.Delete(ctx, configuration); err != nil {
		return fmt.Errorf("delete the webhook configuration: %w", err)
	}
	if err := w.helm(ctx, "uninstall", "snapback"); err != nil {
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
