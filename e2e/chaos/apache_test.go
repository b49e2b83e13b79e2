package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/chaos/liveness"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// TestApache loses brokers of Apache Kafka, first one, then two, and then all of them,
// without any fault.
func TestApache(t *testing.T) {
	if os.Getenv("SNAPBACK_E2E_KAFKA") == "" {
		t.Skip("needs Java and two minutes: set SNAPBACK_E2E_KAFKA=1")
	}
	ctx := t.Context()
	install, err := apachekafka.Find(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "record.jsonl")
	log, err := record.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := plan.Standard().Apache()
	layout := plan.Layout{Programs: plan.Standard().Programs, Clusters: []plan.Cluster{c}}
	w, err := world.New(ctx, layout, world.Options{Logs: dir, Kafka: install}, log)
	if err != nil {
		t.Fatal(err)
	}
	well := func() {
		t.Helper()
		quiet := time.Now()
		if err := liveness.Wait(ctx, w, 2*time.Minute, quiet, nil); err != nil {
			t.Error(err)
		}
		t.Log("well after", time.Since(quiet).Round(time.Second))
	}
	well()
	for n := range len(c.Volumes) {
		for _, v := range c.Volumes[:n+1] {
			if err := w.Lose(ctx, v); err != nil {
				t.Error(err)
			}
		}
		well()
	}
	if err := errors.Join(w.Kafka.Read(ctx), w.Close(), log.Close(), leftovers(), judge(path, plan.Standard())); err != nil {
		t.Error(err)
	}
}
