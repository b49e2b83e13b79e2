package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/properties"
)

func TestWriteMirror(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	o := &options{IOStreams: genericiooptions.IOStreams{Out: &out}}
	tp := kafka.TopicPartition{Topic: "t"}
	from := properties.Client{Config: kafka.Config{Bootstrap: []string{"r:1"}}, Settings: map[string]string{"security.protocol": "SSL", "ssl.keystore.key": "a\nb"}}
	tails := []kafka.Tail{{LostRange: kafka.LostRange{TopicPartition: tp, From: 1000, To: 1200, Exactness: kafka.Exactly}, CopyFrom: 1007, CopyTo: 1207}}
	if got := strings.Join(tailRows(tails)[1], "|"); got != "t-0|1000|1200|200 records|offsets 1007 to 1206 there" {
		t.Errorf("row %s", got)
	}
	if err := o.writeMirror(dir, from, "k:1", tails, nil, map[kafka.TopicPartition]int64{tp: 1207}); err != nil {
		t.Fatal(err)
	}
	offsets, err := os.ReadFile(filepath.Join(dir, offsetsFile))
	if err != nil || !strings.Contains(string(offsets), `{"offset":1006}`) {
		t.Errorf("%s: %s, %v", offsetsFile, offsets, err)
	}
	config, err := os.ReadFile(filepath.Join(dir, mirrorFile))
	if want := "tail.security.protocol = SSL\ntail.ssl.keystore.key = a\\nb\n"; err != nil || !strings.HasSuffix(string(config), want) {
		t.Errorf("%s: %s, %v", mirrorFile, config, err)
	}
	for _, want := range []string{"--topic mm2-offsets.tail.internal --partitions 1", "connect-mirror-maker.sh " + filepath.Join(dir, mirrorFile),
		"--delete --topic 'mm2-(offsets|configs|status)[.]tail[.]internal'"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("said:\n%swant: %s", out.String(), want)
		}
	}
	tails[0].Why = "no copy"
	if err := o.writeMirror(dir, from, "k:1", tails, nil, nil); err == nil {
		t.Error("files were written for nothing")
	}
}

func TestListed(t *testing.T) {
	t.Parallel()
	r := inventory.Restore{}
	if lost, all := r.Listed(); len(lost) != 0 || !all {
		t.Errorf("without a report: %v, %v", lost, all)
	}
	r.Kafka = &v1alpha1.RestoreReport{PartitionsLost: 3, LostPartitions: []v1alpha1.LostPartition{{Topic: "t", From: 5, To: 9}, {Topic: "__consumer_offsets", To: 9}}}
	if lost, all := r.Listed(); len(lost) != 1 || lost[0].Offsets() != 4 || all {
		t.Errorf("of 3: %v, %v", lost, all)
	}
	if got := nothingLost([]inventory.Restore{{Waiting: "why"}}); !strings.HasPrefix(got, "No report") {
		t.Error(got)
	}
	if got := nothingLost([]inventory.Restore{r}); !strings.HasPrefix(got, "Nothing is lost") {
		t.Error(got)
	}
}
