package logdir

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The layout of a record batch on disk: see kmsg.RecordBatch.
const (
	headerSize  = 61 // bytes before its records
	lengthEnd   = 12 // the length counts what follows it
	crcEnd      = 21 // the CRC covers what follows it
	minLength   = headerSize - lengthEnd
	magicOffset = 16

	attributeTransactional = 1 << 4
	attributeControl       = 1 << 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Segment describes the content of a segment file, as far as it can be read.
type Segment struct {
	Records   int64
	Batches   int64
	End       int64 // the offset after the last record; in an empty segment, its base offset
	LastEpoch int32 // the leader epoch of the last batch; -1: none
	MaxTime   int64 // time of the newest record, in milliseconds since 1970; -1: none
	Read      int64 // bytes of complete batches without damage
	Size      int64 // bytes of the file
	Control   bool  // the last batch holds control records
	Open      map[int64]int64
	TornTail  bool  // after Read comes one incomplete batch, or zeros
	Damage    error // why reading stopped before the end of the file; nil: it did not, or because of a torn tail
}

// ReadSegment reads a segment file of size bytes. base is the offset in its name,
// at which it begins. open holds the transactions that are open at its beginning:
// the first offset of each, by producer id. ReadSegment updates it. It needs little
// memory, even if a batch claims to be large.
//
// The error says that the file could not be read. Damage in it is in the Segment.
func ReadSegment(ctx context.Context, r io.Reader, size, base int64, open map[int64]int64) (Segment, error) {
	s := Segment{End: base, LastEpoch: -1, MaxTime: -1, Size: size, Open: open}
	in := bufio.NewReaderSize(r, 1<<20)
	for s.Read < size {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		batch, bad, err := readBatch(in, size-s.Read)
		if isDamage(err) {
			s.Damage = fmt.Errorf("at byte %d of %d it cannot be read: %w", s.Read, size, cause(err))
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("read at byte %d: %w", s.Read, err)
		}
		if bad == nil {
			bad = s.follows(batch)
		}
		if bad != nil {
			return s.end(bad, in, batch)
		}
		s.add(batch)
	}
	return s, nil
}

// readBatch reads one batch of at most left bytes. bad says what is wrong with the
// batch: errTorn if it is incomplete.
func readBatch(in *bufio.Reader, left int64) (b kmsg.RecordBatch, bad, err error) {
	if start, _ := in.Peek(magicOffset + 1); isMessage(start) { // an error comes again
		return readMessage(in, left)
	}
	var header [headerSize]byte
	n, err := io.ReadFull(in, header[:min(left, headerSize)])
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return b, errTorn, nil // the file has become shorter
	}
	if err != nil {
		return b, nil, err
	}
	if allZero(header[:n]) {
		return b, errZeros, nil
	}
	if n < headerSize {
		return b, errTorn, nil
	}
	length := int32(binary.BigEndian.Uint32(header[8:lengthEnd]))
	if magic := header[magicOffset]; magic != 2 {
		return b, fmt.Errorf("the record batch has format %d, not 2", magic), nil
	}
	if length < minLength {
		return b, fmt.Errorf("the record batch claims a length of %d bytes", length), nil
	}
	crc := crc32.New(castagnoli)
	_, _ = crc.Write(header[crcEnd:]) // never fails
	binary.BigEndian.PutUint32(header[8:lengthEnd], minLength)
	if err := b.ReadFrom(header[:]); err != nil { // only the header: records may have any size
		return b, fmt.Errorf("the record batch cannot be read: %w", err), nil
	}
	b.Length = length
	if int64(length)+lengthEnd > left {
		return b, errTorn, nil
	}
	if _, err := io.CopyN(crc, in, int64(length)-minLength); errors.Is(err, io.EOF) {
		return b, errTorn, nil
	} else if err != nil {
		return b, nil, err
	}
	if int32(crc.Sum32()) != b.CRC {
		return b, fmt.Errorf("the record batch at offset %d: %w", b.FirstOffset, errCRC), nil
	}
	return b, nil, nil
}

var (
	errTorn  = errors.New("the record batch is incomplete")
	errZeros = errors.New("there are zeros in place of a record batch")
	errCRC   = errors.New("the CRC does not match")
)

// follows returns why the batch cannot be the next one; nil: it can.
func (s *Segment) follows(b kmsg.RecordBatch) error {
	switch {
	case b.FirstOffset < s.End:
		return fmt.Errorf("the record batch begins at offset %d, at least %d is expected", b.FirstOffset, s.End)
	case b.LastOffsetDelta < 0 || b.NumRecords < 0 || b.FirstOffset+int64(b.LastOffsetDelta) < 0:
		return fmt.Errorf("the record batch at offset %d has a negative size", b.FirstOffset)
	}
	return nil
}

func (s *Segment) add(b kmsg.RecordBatch) {
	s.Batches++
	s.Read += int64(b.Length) + lengthEnd
	s.End = b.FirstOffset + int64(b.LastOffsetDelta) + 1
	s.LastEpoch = b.PartitionLeaderEpoch
	s.Control = b.Attributes&attributeControl != 0
	switch {
	case s.Control:
		delete(s.Open, b.ProducerID)
	default:
		s.Records += int64(b.NumRecords)
		if b.NumRecords > 0 {
			s.MaxTime = max(s.MaxTime, b.MaxTimestamp)
		}
		if _, known := s.Open[b.ProducerID]; !known && b.Attributes&attributeTransactional != 0 && s.Open != nil {
			s.Open[b.ProducerID] = b.FirstOffset
		}
	}
}

// end reports whether the bad batch is a torn tail, which was being written, or
// damage. After a torn tail comes no other batch.
func (s Segment) end(bad error, in *bufio.Reader, b kmsg.RecordBatch) (Segment, error) {
	switch {
	case errors.Is(bad, errTorn):
		s.TornTail = true
	case errors.Is(bad, errZeros):
		zeros, err := onlyZeros(in)
		if isDamage(err) {
			bad, err = fmt.Errorf("zeros, and behind them it cannot be read: %w", cause(err)), nil
		}
		if err != nil {
			return s, fmt.Errorf("read behind byte %d: %w", s.Read, err)
		}
		s.TornTail = zeros
	case errors.Is(bad, errCRC):
		s.TornTail = s.Read+int64(b.Length)+lengthEnd == s.Size
	}
	if !s.TornTail {
		s.Damage = fmt.Errorf("at byte %d of %d: %w", s.Read, s.Size, bad)
	}
	return s, nil
}

func onlyZeros(in *bufio.Reader) (bool, error) {
	for {
		chunk, err := in.Peek(max(1, in.Buffered()))
		if !allZero(chunk) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		_, _ = in.Discard(len(chunk)) // it is buffered
	}
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// newest returns the time of the newest record; zero: no record has a time.
func newest(milliseconds int64) time.Time {
	if milliseconds < 0 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds).UTC()
}
