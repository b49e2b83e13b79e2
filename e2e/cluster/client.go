package cluster

import (
	"encoding/base64"
	"fmt"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
)

// NewClient returns a client that reads from the apiserver: Snapback's types,
// and cert-manager's.
func NewClient(config *rest.Config) (client.Client, error) {
	scheme := api.NewScheme()
	if err := certmanagerv1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("set up the API types: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return c, nil
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
