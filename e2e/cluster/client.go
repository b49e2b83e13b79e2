package cluster

import (
	"encoding/base64"
	"fmt"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
)

// NewClient returns a client that reads from the apiserver.
func NewClient(config *rest.Config) (client.Client, error) {
	c, err := client.New(config, client.Options{Scheme: api.NewScheme()})
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return c, nil
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
