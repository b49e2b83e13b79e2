package apachekafka

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oneBroker is what MirrorMaker 2 needs beside the page's file where a cluster
// has one broker only.
const oneBroker = `replication.factor = 1
config.storage.replication.factor = 1
offset.storage.replication.factor = 1
status.storage.replication.factor = 1
`

// TestTailFromMirror fetches the records after the snapshot from a copy in
// another cluster, with MirrorMaker 2 as the page sets it up.
func TestTailFromMirror(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(1)})
	remote := k.beside(Options{Nodes: Brokers(1)})
	now := time.Now()
	copied := []*kafka{k, remote}
	for _, c := range copied {
		c.must(c.CreateTopic(c.ctx, "t", nil, []int32{0}))
		c.produceAt(now.Add(-5*time.Hour), "t", 0, 1000)
	}
	k.snapshot()
	for _, c := range copied {
		c.produceAt(now, "t", 1000, 200)
	}
	k.must(k.Lose(k.ctx, 0))
	k.must(k.Recover(k.ctx, 0))
	k.wantRecords("t", 0, 0, 1000)

	file, err := block("clusters = remote, restored")
	k.must(err)
	file = strings.Replace(file, "remote.bootstrap.servers = ...", "remote.bootstrap.servers = "+remote.Nodes[0].Addr(), 1)
	file = strings.Replace(file, "restored.bootstrap.servers = ...", "restored.bootstrap.servers = "+k.Nodes[0].Addr(), 1)
	file = strings.Replace(file, ".topics = T\n", ".topics = t\n", 1)
	k.mirror(file, 1200)
	k.wantRecords("t", 0, 0, 1200)
	k.row("1.5", "RF 1: its broker; a remote cluster has a copy", "1000 + 200", "1000; all 1200 once MirrorMaker 2 has copied the last hours back")
}

// mirror runs MirrorMaker 2 with a configuration, until t-0 ends at an offset.
func (k *kafka) mirror(config string, until int64) {
	k.Helper()
	file := filepath.Join(k.dir, "mirror.properties")
	k.must(os.WriteFile(file, []byte(config+oneBroker), 0o644))
	mirror, err := launch(filepath.Join(k.dir, "mirror.log"), k.install.java,
		append(k.install.flags("-Xmx256m"), "org.apache.kafka.connect.mirror.MirrorMaker", file)...)
	k.must(err)
	defer mirror.kill()
	err = k.Eventually(k.ctx, func(ctx context.Context) error {
		_, end, err := k.Offsets(ctx, "t", 0)
		if err == nil && end < until {
			err = fmt.Errorf("t-0 ends at offset %d, %d is expected", end, until)
		}
		return err
	})
	if err != nil {
		log, _ := os.ReadFile(mirror.log) // says so itself
		k.Fatalf("%v\n%s", err, tail(string(log), 60))
	}
}

// produceAt writes n numbered records of a time to partition 0 of a topic.
func (k *kafka) produceAt(at time.Time, topic string, first, n int) {
	k.Helper()
	records := Numbered(topic, 0, first, n, 100)
	for _, r := range records {
		r.Timestamp = at
	}
	p, err := k.Produce(k.ctx, records)
	k.must(err)
	if p.Acknowledged != n {
		k.Fatalf("%d of %d records acknowledged: %v", p.Acknowledged, n, p.Failed)
	}
}
