package logdir

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batch returns a record batch of n records of 10 bytes, whose content does not matter.
func batch(first int64, n int, change ...func(*kmsg.RecordBatch)) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: first, PartitionLeaderEpoch: 1, Magic: 2, LastOffsetDelta: int32(n - 1),
		FirstTimestamp: 1_000_000, MaxTimestamp: 1_000_000 + first + int64(n) - 1,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(n), Records: make([]byte, 10*n),
	}
	for i := range b.Records {
		b.Records[i] = byte(i + 1)
	}
	for _, c := range change {
		c(&b)
	}
	b.Length = int32(minLength + len(b.Records))
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[crcEnd-4:], crc32.Checksum(raw[crcEnd:], castagnoli))
	return raw
}

func transactional(id int64) func(*kmsg.RecordBatch) {
	return func(b *kmsg.RecordBatch) { b.ProducerID, b.Attributes = id, attributeTransactional }
}

func marker(id int64) func(*kmsg.RecordBatch) {
	return func(b *kmsg.RecordBatch) {
		b.ProducerID, b.Attributes = id, attributeTransactional|attributeControl
	}
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// flip inverts one bit of a byte, and returns the bytes.
func flip(b []byte, at int) []byte {
	b[at] ^= 0x10
	return b
}

// makeDir makes a log dir of a stopped broker.
func makeDir(t *testing.T, cluster string, node int) string {
	t.Helper()
	dir := t.TempDir()
	id := fmt.Sprintf("%x", dir)
	write(t, filepath.Join(dir, metaFile), []byte(fmt.Sprintf("#\n#Sun Nov 22 21:41:54 UTC 2026\nnode.id=%d\ndirectory.id=%s\nversion=1\ncluster.id=%s\n", node, id, cluster)))
	write(t, filepath.Join(dir, cleanFile), []byte(`{"version":0,"brokerEpoch":7}`))
	return dir
}

// addSegment adds a segment of those batches to a partition.
func addSegment(t *testing.T, dir, partition string, base int64, content []byte) {
	t.Helper()
	folder := filepath.Join(dir, partition)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, topicIDFile), []byte("version: 0\ntopic_id: Q2nRgUvGQXu6RpCVlZK9Vg\n"))
	write(t, filepath.Join(folder, fmt.Sprintf("%020d.index", base)), nil)
	write(t, filepath.Join(folder, fmt.Sprintf("%020d.log", base)), content)
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
