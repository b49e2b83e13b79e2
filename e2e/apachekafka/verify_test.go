package apachekafka

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/snapback-dev/snapback/kafka/logdir"
)

// dumped is a line of kafka-dump-log about a record batch.
var dumped = regexp.MustCompile(`^baseOffset: \d+ lastOffset: (\d+) count: (\d+) .* isControl: (true|false) .* isvalid: (true|false)`)

// wantSameAsKafka reads the log dirs of a stopped node with package logdir and
// with kafka-dump-log, and compares the two.
func (k *kafka) wantSameAsKafka(id int) logdir.Broker {
	k.Helper()
	read, err := logdir.ReadBroker(k.ctx, k.Nodes[id].LogDirs()...)
	k.must(err)
	var files []string
	for _, d := range read.Dirs {
		for _, p := range d.Partitions {
			found, err := filepath.Glob(filepath.Join(p.Path, "*.log"))
			k.must(err)
			files = append(files, found...)
		}
	}
	out, err := k.install.Tool(k.ctx, "org.apache.kafka.tools.DumpLogSegments", "--files", strings.Join(files, ","))
	k.must(err)
	records, ends := map[string]int64{}, map[string]int64{}
	folder, batches := "", 0
	for line := range strings.Lines(out) {
		if file, ok := strings.CutPrefix(strings.TrimSpace(line), "Dumping "); ok {
			folder = filepath.Dir(file)
			continue
		}
		found := dumped.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		batches++
		last, _ := strconv.ParseInt(found[1], 10, 64) // digits
		count, _ := strconv.ParseInt(found[2], 10, 64)
		ends[folder] = max(ends[folder], last+1)
		if found[3] == "false" {
			records[folder] += count
		}
		if found[4] != "true" {
			k.Errorf("kafka-dump-log finds a bad batch in %s: %s", folder, line)
		}
	}
	if batches == 0 {
		k.Fatalf("kafka-dump-log of %d files says nothing that is understood:\n%s", len(files), tail(out, 20))
	}
	for _, d := range read.Dirs {
		for _, p := range d.Partitions {
			if got, want := fmt.Sprint(p.Records, p.EndOffset), fmt.Sprint(records[p.Path], max(ends[p.Path], p.StartOffset)); got != want && p.Bytes > 0 {
				k.Errorf("%s: records and end are %s, kafka-dump-log says %s", p.Path, got, want)
			}
		}
	}
	return read
}
