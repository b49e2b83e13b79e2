package e2e

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// site is a cluster that a test has to itself.
type site struct {
	*cluster.Cluster
	client.Client
}

func ownSite(t *testing.T, options cluster.Options) *site {
	t.Helper()
	up, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Cluster: up}
	t.Cleanup(func() { s.stop(t) })
	if s.Client, err = cluster.NewClient(up.Config); err != nil {
		t.Fatal(err)
	}
	return s
}

// stop destroys the cluster, if that was not done before.
func (s *site) stop(t *testing.T) {
	t.Helper()
	if s.Cluster == nil {
		return
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	s.Cluster = nil
}
