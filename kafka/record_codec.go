package kafka

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// MaxRecord is the length of an encoded record, in bytes. Longer ones are not
// read.
const MaxRecord = 32 << 10

const (
	recordVersion = 1

	// maxRaw limits a record before its compression, in bytes: what a short text
	// may become in memory.
	maxRaw = 256 << 10

	maxTopicName = 249 // as in Kafka
	maxClusterID = 64
)

// An encoded record is base64 of DEFLATE of columns: varints of one meaning stand
// together, since their bytes are alike. Ends are the exception. They are the
// largest part, and nearly random in their lower bytes: each byte of theirs has a
// column of its own, so that these do not spoil the code of the others.

// Encode writes a record as text of at most [MaxRecord] bytes. The last topics
// are left out if they do not fit, and counted as omitted.
func Encode(r Record) string {
	text, used := encode(r)
	for n := r.Len(); used > 1; {
		n = int(float64(n) / used * 0.99)
		text, used = encode(r.first(n))
	}
	return text
}

// first returns the record with so many of its partitions. The others are omitted.
func (r Record) first(n int) Record {
	r.Omitted += r.Len() - n
	all := r.Topics
	r.Topics = nil
	for _, t := range all {
		if n == 0 {
			break
		}
		t.Partitions = t.Partitions[:min(n, len(t.Partitions))]
		n -= len(t.Partitions)
		r.Topics = append(r.Topics, t)
	}
	return r
}

// encode also returns how much of what is allowed the record takes: more than 1
// is too much.
func encode(r Record) (text string, used float64) {
	raw := r.columns()
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression) // the level is valid
	_, _ = w.Write(raw)                                  // a Buffer takes all
	_ = w.Close()
	text = base64.RawStdEncoding.EncodeToString(out.Bytes())
	return text, max(float64(len(raw))/maxRaw, float64(len(text))/MaxRecord)
}

func (r Record) columns() []byte {
	raw := []byte{recordVersion}
	number := func(n uint64) { raw = binary.AppendUvarint(raw, n) }
	text := func(s string) {
		number(uint64(len(s)))
		raw = append(raw, s...)
	}
	number(uint64(max(r.At.Unix(), 0)))
	text(r.ClusterID)
	number(uint64(r.Omitted))
	number(uint64(len(r.Topics)))
	for _, t := range r.Topics {
		text(t.Name)
	}
	for _, t := range r.Topics {
		number(uint64(len(t.Partitions)))
	}
	for _, t := range r.Topics {
		next := int32(0)
		for _, p := range t.Partitions {
			number(uint64(p.Number - next)) // how many were skipped
			next = p.Number + 1
		}
	}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			number(uint64(int64(p.LeaderEpoch) + 1))
		}
	}
	for _, t := range r.Topics {
		raw = append(raw, byte(t.ID>>16), byte(t.ID>>8), byte(t.ID))
	}
	return r.appendEnds(raw)
}

// appendEnds appends the ends, byte by byte, the highest byte first.
func (r Record) appendEnds(raw []byte) []byte {
	var ends []uint64
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			ends = append(ends, uint64(p.End+1))
		}
	}
	width := 0
	for _, end := range ends {
		for width < 8 && end>>(8*width) > 0 {
			width++
		}
	}
	raw = append(raw, byte(width))
	for w := width - 1; w >= 0; w-- {
		for _, end := range ends {
			raw = append(raw, byte(end>>(8*w)))
		}
	}
	return raw
}

// Decode reads what [Encode] wrote. It takes little memory, whoever has written
// the text.
func Decode(text string) (Record, error) {
	if len(text) > MaxRecord {
		return Record{}, fmt.Errorf("the record of Kafka's partitions has %d bytes, at most %d are read", len(text), MaxRecord)
	}
	packed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return Record{}, fmt.Errorf("the record of Kafka's partitions: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxRaw+1))
	if err != nil {
		return Record{}, fmt.Errorf("the record of Kafka's partitions: %w", err)
	}
	d := decoder{rest: raw}
	r := d.record()
	if len(raw) > maxRaw || len(d.rest) > 0 {
		d.fail()
	}
	if d.err != nil {
		return Record{}, d.err
	}
	return r, nil
}

var errRecord = errors.New("the record of Kafka's partitions is not one that Snapback has written")

// decoder reads the columns. After an error all that it reads is zero.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail() {
	d.rest, d.err = nil, errRecord
}

// number reads a number of at most this.
func (d *decoder) number(most uint64) uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > most {
		d.fail()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.fail()
		return nil
	}
	some := d.rest[:n]
	d.rest = d.rest[n:]
	return some
}

// count reads how many of something follow, each of which has at least one byte.
func (d *decoder) count() int { return int(d.number(uint64(len(d.rest)))) }

func (d *decoder) record() Record {
	if d.number(math.MaxUint8) != recordVersion {
		d.fail()
	}
	var r Record
	r.At = time.Unix(int64(d.number(1<<40)), 0).UTC()
	r.ClusterID = string(d.bytes(int(d.number(maxClusterID))))
	r.Omitted = int(d.number(math.MaxInt32))
	r.Topics = make([]RecordedTopic, d.count())
	for i := range r.Topics {
		r.Topics[i].Name = string(d.bytes(int(d.number(maxTopicName))))
		if i > 0 && r.Topics[i].Name <= r.Topics[i-1].Name {
			d.fail()
		}
	}
	total := d.partitions(r.Topics)
	for _, t := range r.Topics {
		next := uint64(0)
		for i := range t.Partitions {
			next += d.number(math.MaxInt32)
			if next > math.MaxInt32 {
				d.fail()
			}
			t.Partitions[i].Number = int32(next)
			next++
		}
	}
	for _, t := range r.Topics {
		for i := range t.Partitions {
			t.Partitions[i].LeaderEpoch = int32(int64(d.number(1<<31)) - 1)
		}
	}
	for i := range r.Topics {
		if id := d.bytes(topicHashBits / 8); id != nil {
			r.Topics[i].ID = TopicHash(id[0])<<16 | TopicHash(id[1])<<8 | TopicHash(id[2])
		}
	}
	d.ends(r.Topics, total)
	if len(r.Topics) == 0 {
		r.Topics = nil
	}
	return r
}

// partitions reads how many partitions each topic has, makes them, and returns
// their number. Each takes at least two bytes of the rest.
func (d *decoder) partitions(topics []RecordedTopic) (total int) {
	counts := make([]int, len(topics))
	for i := range counts {
		counts[i] = d.count()
		if counts[i] == 0 {
			d.fail()
		}
		total += counts[i]
	}
	if 2*total > len(d.rest) {
		d.fail()
		return 0
	}
	all := make([]RecordedPartition, total)
	for i := range topics {
		if d.err == nil {
			topics[i].Partitions, all = slices.Clip(all[:counts[i]]), all[counts[i]:]
		}
	}
	return total
}

// ends reads the ends of all partitions.
func (d *decoder) ends(topics []RecordedTopic, total int) {
	ends := make([]uint64, total)
	width := int(d.number(8))
	for range width {
		for i, b := range d.bytes(total) {
			ends[i] = ends[i]<<8 | uint64(b)
		}
	}
	for _, t := range topics {
		for i := range t.Partitions {
			if ends[0] > math.MaxInt64 {
				d.fail()
				return
			}
			t.Partitions[i].End = int64(ends[0]) - 1
			ends = ends[1:]
		}
	}
}
