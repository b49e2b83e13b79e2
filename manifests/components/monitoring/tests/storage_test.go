// Package tests evaluates the alerts with Prometheus' own engine, and holds them
// and the dashboard against the documentation.
package tests

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// The samples of all series lie a minute apart, the first at start.
const step = time.Minute

var start = time.Unix(1_700_000_000, 0)

// series is a storage in memory.
type series []storage.Series

var (
	_ storage.Queryable = series{}
	_ storage.Querier   = series{}
)

// parse reads series, one a line, in promtool's notation: up{job="x"} 0+1x60
func parse(t *testing.T, text string) series {
	t.Helper()
	var all series
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		named, values, err := parser.ParseSeriesDesc(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var samples []chunks.Sample
		for i, v := range values {
			if !v.Omitted {
				samples = append(samples, sample{at: start.Add(time.Duration(i) * step).UnixMilli(), value: v.Value})
			}
		}
		all = append(all, storage.NewListSeries(named, samples))
	}
	return all
}

// Querier implements [storage.Queryable].
func (s series) Querier(int64, int64) (storage.Querier, error) { return s, nil }

// Select implements [storage.Querier].
func (s series) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &set{at: -1}
	for _, one := range s {
		if matches(one.Labels(), matchers) {
			found.all = append(found.all, one)
		}
	}
	return found
}

func matches(named labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(named.Get(m.Name)) {
			return false
		}
	}
	return true
}

// LabelValues implements [storage.Querier]; the engine does not ask for them.
func (s series) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// LabelNames implements [storage.Querier]; the engine does not ask for them.
func (s series) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

// Close implements [storage.Querier].
func (s series) Close() error { return nil }

// set is what was selected.
type set struct {
	all series
	at  int
}

func (s *set) Next() bool                        { s.at++; return s.at < len(s.all) }
func (s *set) At() storage.Series                { return s.all[s.at] }
func (s *set) Err() error                        { return nil }
func (s *set) Warnings() annotations.Annotations { return nil }
