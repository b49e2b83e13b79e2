package record

import (
	"slices"
	"time"
)

// Broker is the begin or the end of a process of Apache Kafka. An end is recorded when
// the process is gone.
type Broker struct {
	Node  int    `json:"node"`
	UID   string `json:"uid"`             // of the claim whose volume is its disk
	Ended string `json:"ended,omitempty"` // why
}

// Acked is a record of the topic that Apache Kafka has acknowledged by the time of this.
type Acked struct {
	Number int64     `json:"number"`
	Sent   time.Time `json:"sent"`
}

// InSync says that all replicas of the topic were in sync from one time on until now, on
// the same disks: what was acknowledged before that time is on each.
type InSync struct {
	Since time.Time `json:"since"`
	UIDs  []string  `json:"uids"` // of the claims
}

// Readable is what can be read of the topic at the end.
type Readable struct {
	Ranges [][2]int64 `json:"ranges"` // numbers of records, the first and the last of each row without a gap
}

// Has reports whether a record can be read.
func (r *Readable) Has(number int64) bool {
	for _, row := range r.Ranges {
		if row[0] <= number && number <= row[1] {
			return true
		}
	}
	return false
}

// Ranges are the rows without a gap of numbers, in whatever order, some perhaps twice.
func Ranges(numbers []int64) (rows [][2]int64) {
	for _, n := range slices.Compact(slices.Sorted(slices.Values(numbers))) {
		if last := len(rows) - 1; last >= 0 && rows[last][1] == n-1 {
			rows[last][1] = n
		} else {
			rows = append(rows, [2]int64{n, n})
		}
	}
	return rows
}
