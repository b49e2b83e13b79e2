package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// TestKafka restores the disk of a broker to a copy from before, and reads all that was
// acknowledged.
func TestKafka(t *testing.T) {
	if os.Getenv("SNAPBACK_E2E_KAFKA") == "" {
		t.Skip("needs Java and a minute: set SNAPBACK_E2E_KAFKA=1")
	}
	install, err := apachekafka.Find(t.Context())
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
	k, err := newKafka(t.Context(), &World{Log: log}, c, Options{Kafka: install, Logs: dir}, filepath.Join(dir, "controller"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	folder := func(uid string) string { return filepath.Join(dir, uid) }
	for _, node := range c.Nodes() {
		uid := fmt.Sprint(node, "a")
		if err := os.Mkdir(folder(uid), 0o755); err != nil {
			t.Fatal(err)
		}
		k.tend(t.Context(), node, disk{uid, folder(uid)})
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	k.work.Go(func() { k.use(ctx) })
	inSync := func() {
		t.Helper()
		since := time.Now()
		if err := cluster.Eventually(ctx, time.Minute, func(context.Context) error {
			if s := k.State(); s.InSync.Before(since) || s.Acked.Before(since) {
				return errors.Join(errors.New("not in sync"), s.Err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		t.Log("in sync after", time.Since(since))
	}
	inSync()
	if err := os.CopyFS(folder("0b"), os.DirFS(folder("0a"))); err != nil { // while it runs, as no storage would
		t.Fatal(err)
	}
	inSync()
	for _, uid := range []string{"0b", ""} {
		k.tend(ctx, 0, disk{uid, folder(uid)}) // the last one has gone
		k.tend(ctx, 0, disk{uid, folder(uid)})
	}
	if len(k.running()) != 2 {
		t.Error(k.running())
	}
	k.tend(ctx, 0, disk{"0b", folder("0b")})
	inSync()
	if err := errors.Join(k.Read(ctx), log.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	h, err := history.Read(file, plan.Standard())
	if err != nil {
		t.Fatal(err)
	}
	if acked, missing := len(h.Kafka.Acked), h.Kafka.Missing(); acked < 20 || h.Kafka.Readable == nil || len(missing) > 0 {
		t.Errorf("%d records are acknowledged, gone are %v", acked, missing)
	}
}
