package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
)

// batchOf makes a batch of Kafka's, as far as the driver reads it, with so many
// bytes of records.
func batchOf(offset uint64, records int) []byte {
	b := make([]byte, batchHeader+records)
	binary.BigEndian.PutUint64(b, offset)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-batchPrefix))
	copy(b[batchHeader:], bytes.Repeat([]byte{7}, records))
	return b
}

// kafkaVolume makes a volume with a log dir, and returns the path of the log that is
// to be changed, below the volume, with its content.
func kafkaVolume(t *testing.T, d *testDriver) (id, path string, content []byte) {
	t.Helper()
	id, dir := d.create(t, volumeRequest("kafka", 1<<20))
	write := func(content []byte, path ...string) {
		t.Helper()
		file := filepath.Join(append([]string{dir, "kafka-log0"}, path...)...)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, string(content))
	}
	content = bytes.Join([][]byte{batchOf(9, 40), batchOf(10, 50), batchOf(11, 60), batchOf(12, 70)}, nil)
	write(bytes.Repeat(content, 9), "__cluster_metadata-0", "00000000000000000000.log")
	write(bytes.Repeat(content, 9), "topic-0", "00000000000000000000.log") // not the last of its partition
	write(content, "topic-0", "00000000000000000009.log")
	write(content[:len(content)-131], "topic-1", "00000000000000000000.log")
	write(bytes.Repeat(content, 9), "topic-0", "00000000000000000009.index")
	write(bytes.Repeat(content, 9), "topic-2.deleted-delete", "00000000000000000000.log")
	return id, filepath.Join("kafka-log0", "topic-0", "00000000000000000009.log"), content
}

func (d *testDriver) snapshotOf(name, volumeID string, params map[string]string) (dir string, err error) {
	_, err = d.CreateSnapshot(context.Background(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: volumeID, Parameters: params})
	return filepath.Join(d.root, "snapshots", name), err
}

// changed are the bytes of a file that differ, and what follows the end.
func changed(t *testing.T, path string, was []byte) (differ []int, more []byte) {
	t.Helper()
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range was {
		if now[i] != was[i] {
			differ = append(differ, i)
		}
	}
	return differ, now[len(was):]
}

func TestTornSnapshot(t *testing.T) {
	d := newTestDriver(t)
	id, path, was := kafkaVolume(t, d)
	dir, err := d.snapshotOf("torn", id, map[string]string{"content": "torn"})
	if err != nil {
		t.Fatal(err)
	}
	differ, more := changed(t, filepath.Join(dir, path), was)
	if last := batchOf(12, 70); len(differ) > 0 || !bytes.Equal(more, last[:len(last)/2]) {
		t.Errorf("bytes %v differ, and %d follow, want the first half of the last batch", differ, len(more))
	}
	if err := os.WriteFile(filepath.Join(dir, path), was, 0o644); err != nil {
		t.Fatal(err)
	}
	wantSameTree(t, filepath.Join(d.root, "volumes", id, "kafka-log0", "topic-1"), filepath.Join(dir, "kafka-log0", "topic-1"))
	wantSameTree(t, filepath.Join(d.root, "volumes", id, "kafka-log0", "__cluster_metadata-0"), filepath.Join(dir, "kafka-log0", "__cluster_metadata-0"))
}

// wantDamaged says that the records of the second batch of four begin otherwise.
func wantDamaged(t *testing.T, path string, was []byte) {
	t.Helper()
	differ, more := changed(t, path, was)
	first := len(batchOf(9, 40)) + batchHeader
	if len(differ) != 16 || differ[0] != first || differ[15] != first+15 || len(more) > 0 {
		t.Errorf("bytes %v differ, and %d follow, want 16 from %d on and none", differ, len(more), first)
	}
}

func TestDamagedSnapshot(t *testing.T) {
	d := newTestDriver(t)
	id, path, was := kafkaVolume(t, d)
	dir, err := d.snapshotOf("damaged", id, map[string]string{"content": "damaged"})
	if err != nil {
		t.Fatal(err)
	}
	wantDamaged(t, filepath.Join(dir, path), was)
	if differ, _ := changed(t, filepath.Join(d.root, "volumes", id, path), was); len(differ) > 0 {
		t.Errorf("bytes %v of the volume itself differ", differ)
	}
}

func TestDamageAfterwards(t *testing.T) {
	d := newTestDriver(t)
	id, path, was := kafkaVolume(t, d)
	dir, err := d.snapshotOf("good", id, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is no mending
		if err := run([]string{"--root=" + d.root, "--damage=good"}); err != nil {
			t.Fatal(err)
		}
		wantDamaged(t, filepath.Join(dir, path), was)
	}
	for _, other := range []string{"none", "../volumes/" + id} {
		if err := run([]string{"--root=" + d.root, "--damage=" + other}); err == nil || !strings.Contains(err.Error(), "there is no snapshot") {
			t.Errorf("damage of %s: %v", other, err)
		}
	}
}

func TestNothingToSpoil(t *testing.T) {
	d := newTestDriver(t)
	id, dir := d.create(t, volumeRequest("empty", 1<<20))
	one := filepath.Join(dir, "topic-0")
	for _, content := range []string{"torn", "damaged"} {
		_, err := d.snapshotOf(content, id, map[string]string{"content": content})
		wantCode(t, err, codes.Internal)
	}
	if err := os.Mkdir(one, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(one, "0.log"), string(batchOf(0, 40))+strings.Repeat("\x00", 100))
	_, err := d.snapshotOf("damaged", id, map[string]string{"content": "damaged"}) // its only batch would count as torn
	wantCode(t, err, codes.Internal)
	if _, err := d.snapshotOf("torn", id, map[string]string{"content": "torn"}); err != nil {
		t.Error(err)
	}
	wantEmptyDir(t, filepath.Join(d.root, "tmp"))
}
