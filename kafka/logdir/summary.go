package logdir

import (
	"encoding/json"
	"slices"
	"strings"
)

// Summary is the result of reading a broker's log dirs in a few lines: what fits
// into the termination message of a container.
type Summary struct {
	Sound      bool  `json:"sound"` // see [Broker.Sound]
	Dirs       int   `json:"dirs"`
	Partitions int   `json:"partitions"`
	Records    int64 `json:"records"`
	Bytes      int64 `json:"bytes"`
	// Problems are the first problems. Omitted is the number of the others.
	Problems []string `json:"problems,omitempty"`
	Omitted  int      `json:"omitted,omitempty"`
}

// MaxSummary is the greatest length of a summary as JSON, in bytes: that of a
// container's termination message.
const MaxSummary = 4096

// maxProblem is the greatest length of a problem in a summary, in bytes.
const maxProblem = 512

// Summary returns the result in at most MaxSummary bytes of JSON.
func (b Broker) Summary() Summary {
	s := Summary{Sound: b.Sound(), Dirs: len(b.Dirs)}
	problems := slices.Clone(b.Problems)
	for _, d := range b.Dirs {
		problems = append(problems, d.Problems...)
		s.Partitions += len(d.Partitions)
		for _, p := range d.Partitions {
			s.Records += p.Records
			s.Bytes += p.Bytes
		}
	}
	for i, problem := range problems {
		fuller := s
		fuller.Problems = append(slices.Clone(s.Problems), strings.ToValidUTF8(problem[:min(len(problem), maxProblem)], ""))
		fuller.Omitted = len(problems) - i - 1
		if text, err := json.Marshal(fuller); err != nil || len(text) > MaxSummary {
			s.Omitted = len(problems) - i
			break
		}
		s = fuller
	}
	return s
}
