package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docs = "../../../../docs/"

// foreign are the metrics that others export.
var foreign = []string{
	"apiserver_admission_webhook_fail_open_count", "apiserver_admission_webhook_rejection_count", // kube-apiserver
	"kube_resourcequota", // kube-state-metrics
}

// known are the metrics that there are: documented, or of others.
func known(t *testing.T) []string {
	t.Helper()
	all := slices.Clone(foreign)
	for _, row := range regexp.MustCompile("(?m)^\\| `(snapback_[a-z_]+)` \\| ([a-z]+)").FindAllStringSubmatch(read(t, docs+"metrics.md"), -1) {
		all = append(all, row[1])
		if row[2] == "histogram" {
			all = append(all, row[1]+"_bucket", row[1]+"_sum", row[1]+"_count")
		}
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// checkMetrics finds names in an expression that nobody exports.
func checkMetrics(t *testing.T, known []string, where, expr string) {
	t.Helper()
	names, err := metricsOf(expr)
	if err != nil {
		t.Errorf("%s: %v", where, err)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			t.Errorf("%s: no metric %s is in docs/metrics.md", where, name)
		}
	}
}

func TestRulesUseKnownMetrics(t *testing.T) {
	all := known(t)
	monitoring := read(t, docs+"monitoring.md")
	for _, name := range foreign {
		if !strings.Contains(monitoring, "`"+name+"`") {
			t.Errorf("docs/monitoring.md does not say where %s is from", name)
		}
	}
	for _, rule := range alerts(t) {
		checkMetrics(t, all, rule.Alert, rule.Expr)
	}
}

// Each alert has a page, which says when it fires, what to look at and what to
// do; each page has an alert; docs/monitoring.md lists them.
func TestEachAlertHasARunbook(t *testing.T) {
	const pages = "https://github.com/snapback-dev/snapback/blob/main/docs/runbooks/"
	monitoring := read(t, docs+"monitoring.md")
	described := map[string]bool{}
	for _, rule := range alerts(t) {
		described[rule.Alert+".md"] = true
		if want := pages + rule.Alert + ".md"; rule.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", rule.Alert, rule.Annotations["runbook_url"], want)
		}
		for _, annotation := range []string{"summary", "description"} {
			if rule.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", rule.Alert, annotation)
			}
		}
		if !slices.Contains([]string{"critical", "warning"}, rule.Labels["severity"]) {
			t.Errorf("%s: severity %q", rule.Alert, rule.Labels["severity"])
		}
		page := read(t, docs+"runbooks/"+rule.Alert+".md")
		for _, part := range []string{"# " + rule.Alert + "\n", "\n## Fires when\n", "\n## Look at\n", "\n## Do\n"} {
			if !strings.Contains("\n"+page, part) {
				t.Errorf("the page of %s has no %q", rule.Alert, strings.TrimSpace(part))
			}
		}
		if !strings.Contains(monitoring, "(runbooks/"+rule.Alert+".md)") {
			t.Errorf("docs/monitoring.md does not list %s", rule.Alert)
		}
	}
	files, err := filepath.Glob(docs + "runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !described[filepath.Base(file)] {
			t.Errorf("%s is of no alert", file)
		}
	}
}

// Without it all KafkaBackups would seem to be in Snapback's own namespace.
func TestScrapesKeepTheNamespace(t *testing.T) {
	if !strings.Contains(read(t, "../metrics.yaml"), "{port: scheduler, honorLabels: true}") {
		t.Error("the ServiceMonitor does not honour the labels of the scheduler's metrics")
	}
}
