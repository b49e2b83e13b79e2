package logdir

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The layout of a message on disk, the format before record batches: offset, size,
// CRC, magic, attributes. Kafka still reads those of old topics.
const (
	messageHeader = 18
	messageCRC    = 12 // where the CRC is; what follows it is covered
	minMessage    = 14 // bytes behind the size: CRC, magic, attributes, the lengths of key and value
)

// isMessage reports whether a message begins there.
func isMessage(start []byte) bool {
	return len(start) > magicOffset && start[magicOffset] < 2 && !allZero(start)
}

// readMessage reads a message of at most left bytes as a batch of one record. A
// compressed one holds several, and has the offset of the last of them.
func readMessage(in *bufio.Reader, left int64) (b kmsg.RecordBatch, bad, err error) {
	var header [messageHeader]byte
	if left < messageHeader {
		return b, errTorn, nil
	}
	if _, err := io.ReadFull(in, header[:]); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return b, errTorn, nil
	} else if err != nil {
		return b, nil, err
	}
	b = kmsg.RecordBatch{
		FirstOffset: int64(binary.BigEndian.Uint64(header[:])), Length: int32(binary.BigEndian.Uint32(header[8:])), Magic: int8(header[magicOffset]),
		PartitionLeaderEpoch: -1, ProducerID: -1, NumRecords: 1, MaxTimestamp: -1,
	}
	if b.Length < minMessage {
		return b, fmt.Errorf("the message claims a length of %d bytes", b.Length), nil
	}
	if int64(b.Length)+lengthEnd > left {
		return b, errTorn, nil
	}
	crc := crc32.NewIEEE()
	_, _ = crc.Write(header[magicOffset:]) // never fails
	if _, err := io.CopyN(crc, in, int64(b.Length)+lengthEnd-messageHeader); errors.Is(err, io.EOF) {
		return b, errTorn, nil
	} else if err != nil {
		return b, nil, err
	}
	if crc.Sum32() != binary.BigEndian.Uint32(header[messageCRC:]) {
		return b, fmt.Errorf("the message at offset %d: %w", b.FirstOffset, errCRC), nil
	}
	return b, nil, nil
}
