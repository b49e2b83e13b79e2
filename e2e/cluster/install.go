package cluster

import (
	"context"
	"fmt"
	"path/filepath"

	authenticationv1 "k8s.io/api/authentication/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Namespace is where the manifests install Snapback.
const Namespace = "snapback-system"

const serviceName = "snapback-webhook"

// The ServiceAccounts that the manifests install.
const (
	Account       = v1alpha1.Installation
	DrillsAccount = v1alpha1.DrillsName
)

// The classes that every cluster has.
const (
	StorageClass  = "dir"
	SnapshotClass = "dir-snapshots"
)

// install applies the snapshot API's CRDs, the classes and the shipped manifests,
// less the Deployments: the base, and what limits restore drills.
func (s *supervisor) install(ctx context.Context, options Options) error {
	c, err := NewClient(s.admin)
	if err != nil {
		return err
	}
	objects, err := s.shipped()
	if err != nil {
		return err
	}
	if !options.NoSnapshots {
		crds, err := SnapshotCRDs()
		if err != nil {
			return err
		}
		objects = append(crds, objects...)
	}
	for i := range objects {
		if err := apply(ctx, c, &objects[i]); err != nil {
			return err
		}
	}
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: StorageClass}, Provisioner: DriverName, AllowVolumeExpansion: ptr.To(true)}
	if err := c.Create(ctx, class); err != nil {
		return fmt.Errorf("create the storage class: %w", err)
	}
	if options.NoSnapshots {
		return nil
	}
	return s.waitFor(ctx, "the snapshot class", func(ctx context.Context) error { return CreateSnapshotClass(ctx, c) })
}

// SnapshotCRDs are the CRDs of the snapshot API.
func SnapshotCRDs() ([]unstructured.Unstructured, error) {
	dir, err := cacheDir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "crd", "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find the snapshot CRDs: %w", err)
	}
	return readObjects(files)
}

// CreateSnapshotClass creates the class that every cluster with the snapshot
// API has.
func CreateSnapshotClass(ctx context.Context, c client.Client) error {
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: SnapshotClass},
		Driver: DriverName, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete}
	if err := c.Create(ctx, class); err != nil {
		return fmt.Errorf("create the snapshot class: %w", err)
	}
	return nil
}

// Render returns the objects of a kustomization below manifests/. A component's
// patches of others' objects have no effect.
func Render(dir string) ([]unstructured.Unstructured, error) {
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(repository(), "manifests", dir))
	if err != nil {
		return nil, fmt.Errorf("render manifests/%s: %w", dir, err)
	}
	var objects []unstructured.Unstructured
	for _, r := range rendered.Resources() {
		content, err := r.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("encode manifests/%s: %w", dir, err)
		}
		var o unstructured.Unstructured
		if err := o.UnmarshalJSON(content); err != nil {
			return nil, fmt.Errorf("decode manifests/%s: %w", dir, err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// shipped renders manifests/base and the component drills. Two things are filled in that a real cluster
// gives: the Service's cluster IP, and the CA that cert-manager would inject.
func (s *supervisor) shipped() ([]unstructured.Unstructured, error) {
	rendered, err := Render("base")
	if err != nil {
		return nil, err
	}
	drills, err := Render("components/drills")
	if err != nil {
		return nil, err
	}
	var objects []unstructured.Unstructured
	for _, o := range append(rendered, drills...) {
		switch o.GetKind() {
		case "Deployment":
			continue
		case "Service":
			if err := unstructured.SetNestedField(o.Object, s.net.webhook, "spec", "clusterIP"); err != nil {
				return nil, fmt.Errorf("set the Service's cluster IP: %w", err)
			}
		case "MutatingWebhookConfiguration":
			if err := s.injectCA(&o); err != nil {
				return nil, err
			}
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func (s *supervisor) injectCA(o *unstructured.Unstructured) error {
	webhooks, _, err := unstructured.NestedSlice(o.Object, "webhooks")
	if err != nil {
		return fmt.Errorf("read the webhook configuration: %w", err)
	}
	for _, w := range webhooks {
		if err := unstructured.SetNestedField(w.(map[string]any), encode(s.ca.PEM), "clientConfig", "caBundle"); err != nil {
			return fmt.Errorf("set the webhook's CA: %w", err)
		}
	}
	return unstructured.SetNestedSlice(o.Object, webhooks, "webhooks")
}

func apply(ctx context.Context, c client.Client, o *unstructured.Unstructured) error {
	if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("embedded-cluster"), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

// accountKubeconfig lets Snapback's processes act as the shipped
// ServiceAccount, with no more rights than it has.
func (s *supervisor) accountKubeconfig(ctx context.Context) error {
	config, err := accountConfig(ctx, s.admin, s.ca.PEM, Account)
	if err != nil {
		return err
	}
	return WriteKubeconfig(s.file(snapbackKubeconfig), config)
}

// accountConfig returns the config of a ServiceAccount in Snapback's namespace.
func accountConfig(ctx context.Context, admin *rest.Config, ca []byte, account string) (*rest.Config, error) {
	clientset, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(int64((24 * 60 * 60)))}}
	token, err := clientset.CoreV1().ServiceAccounts(Namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask for a token of the ServiceAccount %s: %w", account, err)
	}
	return &rest.Config{Host: admin.Host, BearerToken: token.Status.Token, TLSClientConfig: rest.TLSClientConfig{CAData: ca}}, nil
}
