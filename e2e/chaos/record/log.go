package record

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Log writes records to a file.
type Log struct {
	mu   sync.Mutex
	seq  int64
	file *os.File
	out  *bufio.Writer
	err  error // the first one
}

// Create makes a log.
func Create(path string) (*Log, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create the record: %w", err)
	}
	return &Log{file: file, out: bufio.NewWriterSize(file, 1<<20)}, nil
}

// Add numbers a record, stamps it with the time, and writes it.
func (l *Log) Add(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.seq++
	r.Seq, r.Time = l.seq, time.Now().UTC()
	line, err := json.Marshal(r)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	l.err = err
}

// Close writes what is left and returns the first error that there was.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range []error{l.err, l.out.Flush(), l.file.Close()} {
		if err != nil {
			return fmt.Errorf("write the record: %w", err)
		}
	}
	return nil
}

// Read calls each for the records of a log, in their order.
func Read(r io.Reader, each func(Record) error) error {
	lines := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	for {
		var rec Record
		if err := lines.Decode(&rec); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the record: %w", err)
		}
		if err := each(rec); err != nil {
			return err
		}
	}
}
