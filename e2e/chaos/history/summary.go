package history

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Summary is what a run consisted of.
type Summary struct {
	Seed                                                 uint64
	Lasted                                               time.Duration // its phases
	Operations, Faults, Effects, Refusals, Ended, Failed map[string]int
	Restores, Empty, Snapshots, Runs, Prunings, Asks     int
	Generations                                          int // of the longest chain of restores
	Acked, Gone, Rejoined                                int // records of Apache Kafka, and how often all of it was in sync again
}

// Summarize counts what a history has.
func Summarize(h *History) Summary {
	s := Summary{Seed: h.Start.Seed, Operations: map[string]int{}, Faults: map[string]int{}, Effects: map[string]int{}, Refusals: map[string]int{}, Ended: map[string]int{}, Failed: map[string]int{}}
	if n := len(h.Steps); n > 0 {
		s.Lasted = h.Steps[n-1].Time.Sub(h.Steps[0].Time)
	}
	for _, r := range h.Steps {
		switch {
		case r.Step.End && r.Step.Error != "":
			s.Failed[r.Step.Name]++
		case r.Step.End:
		case r.Step.Kind == "operation":
			s.Operations[r.Step.Name]++
		case r.Step.Kind == "fault":
			s.Faults[strings.TrimSpace(r.Step.Name+" "+r.Step.Args["program"])]++
		}
	}
	for _, r := range h.Ended {
		s.Ended[r.Ended.Program]++
	}
	for _, e := range h.Effects {
		s.Effects[e.Name]++
	}
	for _, c := range h.Claims {
		switch {
		case c.Bound == nil:
		case c.Source() != "":
			s.Restores++
			s.Generations = max(s.Generations, h.Generation(c))
		default:
			s.Empty++
		}
	}
	for _, r := range h.Admissions {
		if s.Asks++; !r.Admission.Allowed && r.Admission.Decision != "" {
			s.Refusals[r.Admission.Decision]++
		}
	}
	runs := map[string]bool{}
	for _, vs := range h.Snapshots {
		s.Snapshots++
		runs[vs.Namespace+"/"+vs.Backup()+"/"+vs.Run()] = true
	}
	s.Runs = len(runs)
	s.Acked, s.Gone, s.Rejoined = len(h.Kafka.Acked), len(h.Kafka.Missing()), h.Kafka.rejoined()
	for _, r := range h.Writes {
		if r.Write.Verb == http.MethodDelete && BySnapback(r.Write.Component) && r.Write.Status == http.StatusOK {
			s.Prunings++
		}
	}
	return s
}

func (s Summary) String() string {
	return fmt.Sprintf(`seed %d, %s
operations: %s
faults: %s
of those of connections did something: %s
steps that failed: %s
programs that ended by themselves: %s
%d admissions, refused: %s
%d claims restored, up to %d one after another, %d started empty, %d runs, %d snapshots, %d deleted by Snapback
Apache Kafka: %d records acknowledged, %d of them gone in the end, in sync again %d times
`, s.Seed, s.Lasted.Round(time.Second), counted(s.Operations), counted(s.Faults), counted(s.Effects), counted(s.Failed), counted(s.Ended),
		s.Asks, counted(s.Refusals), s.Restores, s.Generations, s.Empty, s.Runs, s.Snapshots, s.Prunings, s.Acked, s.Gone, s.Rejoined)
}

// counted prints the sum and each count.
func counted(counts map[string]int) string {
	sum := 0
	var each []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		sum += counts[name]
		each = append(each, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.TrimSpace(fmt.Sprintf("%d  %s", sum, strings.Join(each, ", ")))
}
