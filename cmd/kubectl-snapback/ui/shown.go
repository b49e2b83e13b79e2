package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
)

// clusters shows all Kafka clusters.
func (s *Server) clusters(r *http.Request, i *inventory.Inventory, now time.Time) (shown, error) {
	return screen.NewClusters(i, screen.NewPart(r.URL.Query()), now), nil
}

// cluster shows one Kafka cluster.
func (s *Server) cluster(r *http.Request, i *inventory.Inventory, now time.Time) (shown, error) {
	key := inventory.ClusterKey{Namespace: r.PathValue("namespace"), Name: r.PathValue("cluster")}
	c, ok := screen.NewCluster(i, key, screen.NewPart(r.URL.Query()), now)
	if !ok {
		return nil, s.unknown("Kafka cluster "+key.String(), "It has no KafkaBackup, and no broker volume that Snapback knows.")
	}
	return c, nil
}

// restores shows the restores of one Kafka cluster, or of all.
func (s *Server) restores(r *http.Request, i *inventory.Inventory, now time.Time) (shown, error) {
	var of inventory.ClusterKey
	if asked := r.URL.Query().Get("cluster"); asked != "" {
		of.Namespace, of.Name, _ = strings.Cut(asked, "/")
		if !slices.Contains(i.Clusters(), of) {
			return nil, s.unknown("Kafka cluster "+asked, "It has no KafkaBackup, and no broker volume that Snapback knows.")
		}
	}
	return screen.NewRestores(i, of, screen.NewPart(r.URL.Query()), now), nil
}

// backups shows all KafkaBackups.
func (s *Server) backups(r *http.Request, i *inventory.Inventory, now time.Time) (shown, error) {
	return screen.NewBackups(i, screen.NewPart(r.URL.Query()), now), nil
}

// claim shows a claim, and asks the webhook about it.
func (s *Server) claim(r *http.Request, i *inventory.Inventory, now time.Time) (shown, error) {
	namespace, name := r.PathValue("namespace"), r.PathValue("claim")
	v, pvc, ok := i.In(namespace).OfClaim(name)
	if !ok {
		v, ok = i.In(namespace).LostClaim(name)
	}
	if !ok {
		return nil, s.unknown(fmt.Sprintf("claim %s/%s", namespace, name), "It is no claim of a broker volume that Snapback knows, and no snapshot was taken of one.")
	}
	answer, notAsked := s.answers.of(r.Context(), i, v, pvc, now)
	return screen.NewClaim(i, v, name, answer, notAsked, screen.NewPart(r.URL.Query()), now), nil
}

// unknown is the trouble that something is not there.
func (s *Server) unknown(what, says string) trouble {
	where := "There is none in the namespaces that are shown."
	if s.Namespace != "" {
		where = "Only namespace " + s.Namespace + " is shown: start again with -n NAMESPACE, or with -A for all."
	}
	return trouble{Status: http.StatusNotFound, Heading: "There is no " + what, Says: says, Do: where}
}
