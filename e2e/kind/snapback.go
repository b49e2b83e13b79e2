package main

import (
	"context"
	"encoding/base64"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	webhookService = "snapback-webhook"
	certSecret     = "snapback-webhook-tls"
)

// installSnapback installs Snapback with an image, or upgrades to it, and waits
// until all of its replicas answer.
func (w *world) installSnapback(ctx context.Context, image string) error {
	objects, err := cluster.Render("base")
	if err != nil {
		return err
	}
	ca, err := w.certificate(ctx)
	if err != nil {
		return err
	}
	for _, o := range objects {
		switch o.GetKind() {
		case "Deployment":
			err = editItems(&o, func(c map[string]any) { c["image"] = image }, "spec", "template", "spec", "containers")
		case "MutatingWebhookConfiguration":
			err = editItems(&o, func(c map[string]any) { c["clientConfig"].(map[string]any)["caBundle"] = ca }, "webhooks")
		}
		if err != nil {
			return err
		}
		if err := w.apply(ctx, &o); err != nil {
			return err
		}
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

// certificate makes the webhook's certificate once, and returns its CA in
// base64.
func (w *world) certificate(ctx context.Context) (string, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cluster.Namespace}}
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

// editItems changes every item of a list in an object.
func editItems(o *unstructured.Unstructured, edit func(map[string]any), path ...string) error {
	items, found, err := unstructured.NestedSlice(o.Object, path...)
	if err != nil || !found {
		return fmt.Errorf("no %v in %s %s: %w", path, o.GetKind(), o.GetName(), err)
	}
	for _, item := range items {
		edit(item.(map[string]any))
	}
	return unstructured.SetNestedSlice(o.Object, items, path...)
}

// uninstallSnapback does as the README says: the webhook configuration first.
// The CRD stays, and with it the KafkaBackups.
func (w *world) uninstallSnapback(ctx context.Context) error {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "snapback"}}
	if err := w.Delete(ctx, configuration); err != nil {
		return fmt.Errorf("delete the webhook configuration: %w", err)
	}
	objects, err := cluster.Render("base")
	if err != nil {
		return err
	}
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" {
			continue
		}
		if err := w.Delete(ctx, &o); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return eventually(ctx, func(ctx context.Context) error {
		err := w.Get(ctx, client.ObjectKey{Name: cluster.Namespace}, &corev1.Namespace{})
		if err == nil {
			err = fmt.Errorf("namespace %s is still there", cluster.Namespace)
		}
		return client.IgnoreNotFound(err)
	})
}
