package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/kafka"
)

// examination is the state that the checks share.
type examination struct {
	client.Client
	discovery *discovery.DiscoveryClient
	clock     *clock
	local     func() time.Time
	ask       func(context.Context, client.Client, *inventory.Inventory) (*kafka.Observation, error)
	askAll    bool

	namespace     string // the one to examine; empty: all
	system        string // namespace of Snapback
	configuration *admissionregistrationv1.MutatingWebhookConfiguration
	unread        error // why there is no configuration

	inventory *inventory.Inventory // nil: it could not be read
}

func begin(ctx context.Context, config *rest.Config, options Options, now func() time.Time) (*examination, error) {
	e := &examination{clock: &clock{}, local: now, ask: options.Ask, askAll: options.AskAll, namespace: options.Namespace}
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandlerWithContext = rehearsal.Warnings{Out: io.Discard}
	config.Wrap(e.clock.watch)
	scheme := api.NewScheme()
	if err := cmapi.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("set up cert-manager's types: %w", err)
	}
	var err error
	if e.Client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	if e.discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	e.configuration, e.unread = ReadConfiguration(ctx, e)
	switch status := apierrors.APIStatus(nil); {
	case e.unread == nil:
	case !errors.As(e.unread, &status): // the apiserver did not answer
		return nil, fmt.Errorf("read mutatingwebhookconfiguration %s: %w", v1alpha1.Installation, e.unread)
	}
	e.system = SystemNamespace(e.configuration, options.SystemNamespace)
	return e, nil
}

// ReadConfiguration reads Snapback's webhook configuration.
func ReadConfiguration(ctx context.Context, reader client.Reader) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := reader.Get(ctx, client.ObjectKey{Name: v1alpha1.Installation}, configuration); err != nil {
		return nil, err
	}
	return configuration, nil
}

// SystemNamespace returns Snapback's own namespace: the given one, else that of the
// webhook's Service, else the one in the manifests.
func SystemNamespace(configuration *admissionregistrationv1.MutatingWebhookConfiguration, asked string) string {
	if asked != "" {
		return asked
	}
	if configuration != nil {
		for _, w := range configuration.Webhooks {
			if s := w.ClientConfig.Service; s != nil {
				return s.Namespace
			}
		}
	}
	return v1alpha1.SystemNamespace
}

// load reads the inventory. Checks that do not need it run without it.
func (e *examination) load(ctx context.Context) (err error) {
	e.inventory, err = inventory.Load(ctx, e, e.namespace)
	return err
}

// now returns the apiserver's time, which leases and objects are stamped with.
func (e *examination) now() time.Time {
	offset, _ := e.clock.offset()
	return e.local().Add(offset)
}

// namespaces returns the namespaces that have brokers or backups, and the one to
// examine.
func (e *examination) namespaces() []string {
	names := map[string]bool{}
	if e.namespace != "" {
		names[e.namespace] = true
	}
	if e.inventory != nil {
		for _, c := range e.inventory.Clusters() {
			names[c.Namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// labels returns the labels of a namespace.
func (e *examination) labels(ctx context.Context, namespace string) (map[string]string, error) {
	var ns corev1.Namespace
	if err := e.Get(ctx, client.ObjectKey{Name: namespace}, &ns); err != nil {
		return nil, fmt.Errorf("read namespace %s: %w", namespace, err)
	}
	return ns.Labels, nil
}
