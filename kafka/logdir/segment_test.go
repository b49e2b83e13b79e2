package logdir

import (
	"bytes"
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestReadSegment(t *testing.T) {
	three := join(batch(0, 10), batch(10, 5), batch(15, 1))
	first := len(batch(0, 10))
	last := len(three) - len(batch(15, 1))
	tests := map[string]struct {
		content []byte
		base    int64
		records int64
		end     int64
		read    int // bytes
		torn    bool
		damage  string
	}{
		"empty":                         {nil, 7, 0, 7, 0, false, ""},
		"three batches":                 {three, 0, 16, 16, len(three), false, ""},
		"gaps of compaction":            {join(batch(3, 1), batch(90, 2)), 0, 3, 92, len(batch(3, 1)) + len(batch(90, 2)), false, ""},
		"cut off in a header":           {three[:last+30], 0, 15, 15, last, true, ""},
		"cut off in the records":        {three[:len(three)-3], 0, 15, 15, last, true, ""},
		"zeros at the end":              {join(three, make([]byte, 5000)), 0, 16, 16, len(three), true, ""},
		"few zeros at the end":          {join(three, make([]byte, 5)), 0, 16, 16, len(three), true, ""},
		"the last batch's records":      {flip(join(three), len(three)-2), 0, 15, 15, last, true, ""},
		"a bit in the first batch":      {flip(join(three), 65), 0, 0, 0, 0, false, "at byte 0 of 343: the record batch at offset 0: the CRC does not match"},
		"a bit in the CRC":              {flip(join(three), first+18), 0, 10, 10, first, false, "at byte 161 of 343: the record batch at offset 10: the CRC does not match"},
		"another format":                {flip(join(three), magicOffset), 0, 0, 0, 0, false, "at byte 0 of 343: the record batch has format 18, not 2"},
		"a negative length":             {join([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0}, three[12:]), 0, 0, 0, 0, false, "at byte 0 of 343: the record batch claims a length of -16777216 bytes"},
		"zeros in the middle":           {join(three, make([]byte, 5000), three), 0, 16, 16, len(three), false, "at byte 343 of 5686: there are zeros in place of a record batch"},
		"before the segment":            {three, 5, 0, 5, 0, false, "at byte 0 of 343: the record batch begins at offset 0, at least 5 is expected"},
		"the same batch twice":          {join(batch(0, 10), batch(0, 10)), 0, 10, 10, first, false, "at byte 161 of 322: the record batch begins at offset 0, at least 10 is expected"},
		"a negative number of records":  {batch(0, 1, func(b *kmsg.RecordBatch) { b.NumRecords = -4 }), 0, 0, 0, 0, false, "at byte 0 of 71: the record batch at offset 0 has a negative size"},
		"offsets beyond the last there": {batch(1<<63-5, 10), 0, 0, 0, 0, false, "at byte 0 of 161: the record batch at offset 9223372036854775803 has a negative size"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := ReadSegment(t.Context(), bytes.NewReader(test.content), int64(len(test.content)), test.base, nil)
			if err != nil {
				t.Fatal(err)
			}
			damage := ""
			if s.Damage != nil {
				damage = s.Damage.Error()
			}
			if s.Records != test.records || s.End != test.end || s.Read != int64(test.read) || s.TornTail != test.torn || damage != test.damage {
				t.Errorf("got %+v, expected %+v", s, test)
			}
		})
	}
}

// FuzzReadSegment must neither panic nor read beyond the file, and must add up.
func FuzzReadSegment(f *testing.F) {
	three := join(batch(0, 10), batch(10, 5, transactional(4)), batch(15, 1, marker(4)))
	f.Add(three, int64(0))
	f.Add(three[:len(three)-3], int64(0))
	f.Add(flip(join(three), 9), int64(0))
	f.Add(join(three, make([]byte, 100)), int64(-1))
	f.Fuzz(func(t *testing.T, content []byte, base int64) {
		s, err := ReadSegment(context.Background(), bytes.NewReader(content), int64(len(content)), base, map[int64]int64{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Read < 0 || s.Read > s.Size || s.End < base || s.Records < 0 || s.Batches*headerSize > s.Read {
			t.Errorf("it does not add up: %+v", s)
		}
		if whole := s.Read == s.Size; whole == (s.TornTail || s.Damage != nil) {
			t.Errorf("%d of %d bytes are sound, torn: %v, damage: %v", s.Read, s.Size, s.TornTail, s.Damage)
		}
	})
}
