package tests

import (
	"encoding/json"
	"testing"
)

// The dashboard is what Grafana imports, and asks for metrics that exist.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		Title, UID string
		Templating struct {
			List []struct {
				Name  string
				Query any
			}
		}
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.Title == "" || dashboard.UID == "" || len(dashboard.Panels) == 0 || len(dashboard.Templating.List) == 0 {
		t.Errorf("no title, uid, panels or variables: %+v", dashboard)
	}
	all := known(t)
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: twice, or without a title or a query", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			checkMetrics(t, all, p.Title, target.Expr)
		}
	}
}
