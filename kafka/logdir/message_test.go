package logdir

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// message returns a message of one of the two formats before record batches.
func message(offset int64, magic byte) []byte {
	body := []byte{magic, 0}
	if magic == 1 {
		body = binary.BigEndian.AppendUint64(body, 1_000_000) // its time
	}
	body = append(body, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3, 'a', 'b', 'c') // no key
	raw := binary.BigEndian.AppendUint64(nil, uint64(offset))
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(body)+4))
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(body))
	return append(raw, body...)
}

// TestReadMessages reads segments of a topic that is older than record batches.
func TestReadMessages(t *testing.T) {
	old := join(message(0, 0), message(1, 0), message(7, 1))
	tests := map[string]struct {
		content []byte
		records int64
		end     int64
		torn    bool
		damage  string
	}{
		"messages":                   {old, 3, 8, false, ""},
		"record batches behind them": {join(old, batch(8, 5)), 8, 13, false, ""},
		"cut off in a header":        {old[:len(old)-30], 2, 2, true, ""},
		"cut off in a value":         {old[:len(old)-2], 2, 2, true, ""},
		"the last bytes":             {flip(join(old), len(old)-1), 2, 2, true, ""},
		"a bit is wrong":             {flip(join(old), 28), 0, 0, false, "at byte 0 of 95: the message at offset 0: the CRC does not match"},
		"zeros at the end":           {join(old, make([]byte, 5000)), 3, 8, true, ""},
		"a length of nothing":        {join(message(0, 0)[:8], make([]byte, 5), []byte{1}, make([]byte, 50)), 0, 0, false, "at byte 0 of 64: the message claims a length of 0 bytes"},
		"the same offset again":      {join(message(3, 1), message(3, 1)), 1, 4, false, "at byte 37 of 74: the record batch begins at offset 3, at least 4 is expected"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := ReadSegment(t.Context(), bytes.NewReader(test.content), int64(len(test.content)), 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			damage := ""
			if s.Damage != nil {
				damage = s.Damage.Error()
			}
			if s.Records != test.records || s.End != test.end || s.TornTail != test.torn || damage != test.damage {
				t.Errorf("got %+v, expected %+v", s, test)
			}
		})
	}
}
