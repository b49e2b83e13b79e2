package inventory

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots"
)

// Ago returns a time relative to now, such as "5m ago" or "in 5m".
func Ago(t, now time.Time) string {
	if t.After(now) {
		return "in " + duration.HumanDuration(t.Sub(now))
	}
	return duration.HumanDuration(now.Sub(t)) + " ago"
}

// DataLoss returns, in words, how much time of the volume's data would be lost if it
// died now.
func (s VolumeStatus) DataLoss(now time.Time) string {
	if s.Newest == nil {
		return "everything"
	}
	return duration.HumanDuration(now.Sub(s.Newest.ScheduledTime.Time))
}

// Lineage returns, in words, whether the newest good snapshot holds the volume's data,
// and how many snapshots are passed over.
func (s VolumeStatus) Lineage() string {
	said := "-"
	switch {
	case s.Newest != nil && s.Newest.Proven:
		said = "proven"
		if s.Unproven > 0 {
			said += fmt.Sprintf(", %d unproven", s.Unproven)
		}
	case s.Newest != nil:
		said = "unproven"
	}
	if s.Abandoned > 0 {
		said += fmt.Sprintf(", %d abandoned", s.Abandoned)
	}
	return said
}

// WhatIfLost returns, in words, what a claim of the volume gets that is created again.
func (s VolumeStatus) WhatIfLost() string {
	switch d := s.IfLost; {
	case d.Outcome == v1alpha1.OutcomeRestore && s.Newest != nil && d.Snapshot == s.Newest.Name:
		return "restored from it"
	case d.Reason == v1alpha1.ReasonWaitingForSnapshot:
		return "restored from " + d.Snapshot + " once it is ready"
	case d.Outcome == v1alpha1.OutcomeRestore:
		return "restored from " + d.Snapshot
	case d.Outcome == v1alpha1.OutcomeDeny:
		return "refused: " + string(d.Reason)
	default:
		return "starts empty: " + string(d.Reason)
	}
}

// State returns, in words, whether the KafkaBackup runs and prunes.
func (b BackupStatus) State() string {
	var state []string
	if b.Suspended {
		state = append(state, "suspended")
	}
	if b.Frozen != "" {
		state = append(state, "frozen: "+b.Frozen)
	}
	return cmp.Or(strings.Join(state, ", "), "active")
}

// Problems are several problems with the same text.
type Problems struct {
	Problem          // the first of them
	Names   []string // of the objects
}

// namedOnALine is how many objects a line names at most.
const namedOnALine = 5

// About returns the kind and the names of the objects, the first ones if there are many.
func (p Problems) About() string {
	return strings.TrimSpace(p.Kind + " " + snapshots.FirstOf(p.Names, namedOnALine, ", "))
}

// Together returns the cluster's problems, those with the same text as one. The order
// stays.
func (s Status) Together() []Problems {
	var all []Problems
	at := map[Problem]int{}
	for _, p := range s.Problems {
		like := p
		like.Name = ""
		n, seen := at[like]
		if !seen {
			n, all = len(all), append(all, Problems{Problem: p})
			at[like] = n
		}
		all[n].Names = append(all[n].Names, p.Name)
	}
	return all
}

// KafkaSaid returns, in words, when Kafka was asked last and whether it still answers;
// empty: it is not asked.
func (s Status) KafkaSaid(now time.Time) string {
	k := s.Kafka
	if k == nil {
		return ""
	}
	said := "said " + Ago(k.ObservedTime.Time, now)
	if k.Stale != "" {
		said += ", and does not answer any more: " + k.Stale
	}
	return said
}

// AtRisk returns, in words, what would be lost if something broke now, as Kafka said:
// a line for each broker at risk, then the others, all, and the partitions that are not
// well. None: Kafka is not asked.
func (s Status) AtRisk() []string {
	k := s.Kafka
	if k == nil {
		return nil
	}
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	disks := map[string]int{}
	for _, v := range s.Volumes {
		disks[v.Broker]++
	}
	for _, v := range k.AtRisk {
		what := "broker " + v.Broker + " died"
		if disks[v.Broker] > 1 {
			what = "volume " + v.Volume + " of broker " + v.Broker + " was lost"
		}
		say("if %s now: %s", what, v.Message)
	}
	switch more := int(k.VolumesAtRisk) - len(k.AtRisk); {
	case more > 0:
		say("%s of other brokers would lose less", kafka.Count(int64(more), "volume"))
	case len(k.AtRisk) > 0:
		say("if any other broker died now: nothing")
	default:
		say("if any one broker died now: nothing")
	}
	say("if all brokers died now: %s", k.IfAllLost.Message)
	if k.OfflinePartitions > 0 || k.UnderReplicatedPartitions > 0 {
		say("of %s, %s without a leader, %s not in sync", kafka.Count(int64(k.Partitions), "partition"),
			kafka.Thousands(int64(k.OfflinePartitions)), kafka.Thousands(int64(k.UnderReplicatedPartitions)))
	}
	return lines
}
