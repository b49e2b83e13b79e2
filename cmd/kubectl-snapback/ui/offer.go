package ui

import (
	"context"
	"net/http"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rights"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
)

// offered is an action with what its form needs.
type offered struct {
	screen.Action
	ID   string // of its elements
	Why  string // it cannot be done, in words; empty: it can
	CSRF string
	Back string // the page that it is on
}

// offers makes forms of actions, for one page.
type offers struct {
	ctx    context.Context
	rights *rights.Rights
	csrf   string
	back   string
}

func (s *Server) offers(r *http.Request) *offers {
	return &offers{r.Context(), s.actions.rights, s.guard.CSRF(), pageOf(r.URL)}
}

// Offer returns the actions as the template "actions" takes them. It asks what the
// person may do.
func (v view) Offer(actions []screen.Action) []offered {
	all := make([]offered, len(actions))
	for n, a := range actions {
		all[n] = offered{Action: a, Why: a.Refused, CSRF: v.offers.csrf, Back: v.offers.back,
			ID: strings.Join([]string{"action", string(a.Name), a.Kind, a.Namespace, a.Object}, ".")}
		if a.Name != "" && all[n].Why == "" {
			all[n].Why = lacks(v.offers.ctx, v.offers.rights, a.Asked)
		}
	}
	return all
}

// lacks returns, in words, which right for a change a person lacks; empty: none.
func lacks(ctx context.Context, r *rights.Rights, a change.Asked) string {
	for _, right := range needs(a) {
		if may, why := r.May(ctx, right); !may {
			return why
		}
	}
	return ""
}

// needs returns the rights for a change.
func needs(a change.Asked) []rights.Right {
	on := rights.Right{Verb: "patch", Namespace: a.Namespace, Name: a.Object}
	reads := false
	switch a.Kind {
	case change.KindSnapshot:
		on.Group, on.Resource, reads = snapshotv1.GroupName, "volumesnapshots", true
		on.Name = "" // their names are made by runs: no role has them
	case "ConfigMap":
		on.Resource, reads = "configmaps", a.Name == change.Suspend || a.Name == change.Resume
	default:
		on.Group, on.Resource = v1alpha1.GroupVersion.Group, "kafkabackups"
	}
	if !reads {
		return []rights.Right{on}
	}
	read := on
	read.Verb = "get"
	return []rights.Right{read, on}
}
