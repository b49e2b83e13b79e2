package tests

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/template"
	"go.yaml.in/yaml/v3"
)

// alerts are the rules of prometheusrule.yaml, as Prometheus reads them.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	content, err := os.ReadFile("../prometheusrule.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Spec yaml.Node `yaml:"spec"`
	}
	if err := yaml.Unmarshal(content, &object); err != nil {
		t.Fatal(err)
	}
	spec, err := yaml.Marshal(&object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(spec, false, model.UTF8Validation)
	for _, err := range errs {
		t.Error(err)
	}
	var all []rulefmt.Rule
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

var engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute})

// fired is an alert that people get to see.
type fired struct {
	labels map[string]string
	value  float64
}

// evaluate returns what fires of a rule, at some time between two minutes.
func evaluate(t *testing.T, rule rulefmt.Rule, s series, from, to int) []fired {
	t.Helper()
	q, err := engine.NewRangeQuery(t.Context(), s, nil, rule.Expr, start.Add(time.Duration(from)*step), start.Add(time.Duration(to)*step), step)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	matrix, err := q.Exec(t.Context()).Matrix()
	if err != nil {
		t.Fatalf("%s: %v", rule.Expr, err)
	}
	var all []fired
	for _, found := range matrix {
		if value, ok := lasts(found.Floats, time.Duration(rule.For)); ok {
			all = append(all, fired{found.Metric.Map(), value})
		}
	}
	return all
}

// lasts reports whether there are points without a gap for that long, and the
// value of the last of them.
func lasts(points []promql.FPoint, long time.Duration) (float64, bool) {
	since := 0
	for i, p := range points {
		if i > 0 && p.T-points[i-1].T > step.Milliseconds() {
			since = i
		}
		if p.T-points[since].T >= long.Milliseconds() {
			return p.F, true
		}
	}
	return 0, false
}

// Each alert fires on what it is for, and on nothing that is well.
func TestAlerts(t *testing.T) {
	tried := map[string]map[bool]bool{}
	for _, c := range cases {
		t.Run(c.alert+"/"+c.name, func(t *testing.T) {
			var seen []fired
			for _, rule := range alerts(t) {
				if rule.Alert != c.alert || c.severity != "" && rule.Labels["severity"] != c.severity {
					continue
				}
				for _, f := range evaluate(t, rule, parse(t, c.series), c.from, max(c.minutes, 60)) {
					seen = append(seen, f)
					checkTexts(t, rule, f)
				}
			}
			if (len(seen) > 0) != c.fires {
				t.Errorf("fires: %v, want %t", seen, c.fires)
			}
			if tried[c.alert] == nil {
				tried[c.alert] = map[bool]bool{}
			}
			tried[c.alert][c.fires] = true
		})
	}
	for _, rule := range alerts(t) {
		if !tried[rule.Alert][true] || !tried[rule.Alert][false] {
			t.Errorf("%s is not tried on both good and bad series", rule.Alert)
		}
	}
}

// checkTexts fills in the annotations: a label that is not there is a mistake.
func checkTexts(t *testing.T, rule rulefmt.Rule, f fired) {
	t.Helper()
	for name, text := range rule.Annotations {
		data := template.AlertTemplateData(f.labels, nil, "", promql.Sample{F: f.value})
		filled, err := template.NewTemplateExpander(context.Background(), "{{$labels := .Labels}}{{$value := .Value}}"+text, rule.Alert, data,
			model.TimeFromUnix(start.Unix()), nil, &url.URL{}, []string{"missingkey=error"}).Expand()
		if err != nil || strings.Contains(filled, "  ") {
			t.Errorf("%s of %s: %q: %v", name, rule.Alert, filled, err)
		}
	}
}

// metricsOf are the names in an expression.
func metricsOf(expr string) ([]string, error) {
	parsed, err := parser.ParseExpr(expr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	var all []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			all = append(all, selector.Name)
		}
		return nil
	})
	return all, nil
}
