package cli

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// session is a connection to the apiserver.
type session struct {
	client.Client
	config    *rest.Config
	namespace string // from the flags or the kubeconfig
}

// connect reads the flags and the kubeconfig. It sends no request yet. The
// apiserver's warnings go to the given handler; nil: to stderr.
func (o *options) connect(warnings rest.WarningHandlerWithContext) (*session, error) {
	namespace, _, err := o.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config, err := o.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.QPS = -1 // no client-side limit: the apiserver has its own
	if config.WarningHandlerWithContext = warnings; warnings == nil {
		config.WarningHandler = rest.NewWarningWriter(o.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	}
	c, err := client.New(config, client.Options{Scheme: api.NewScheme()})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &session{client.WithFieldOwner(c, string(change.FieldOwner)), config, namespace}, nil
}

// load connects and reads the inventory of the namespace.
func (o *options) load(ctx context.Context) (*session, *inventory.Inventory, error) {
	s, err := o.connect(nil)
	if err != nil {
		return nil, nil, err
	}
	all, err := inventory.Load(ctx, s, s.namespace)
	return s, all, err
}

// loadCluster connects and reads the inventory of a Kafka cluster in the namespace.
// Without a name there must be only one. Warnings go to the handler; nil: to
// stderr.
func (o *options) loadCluster(ctx context.Context, cluster string, warnings rest.WarningHandlerWithContext) (*session, *inventory.Inventory, error) {
	s, err := o.connect(warnings)
	if err != nil {
		return nil, nil, err
	}
	all, err := inventory.Load(ctx, s, s.namespace)
	if err != nil {
		return nil, nil, err
	}
	some, err := all.Only(s.namespace, cluster)
	return s, some, err
}
