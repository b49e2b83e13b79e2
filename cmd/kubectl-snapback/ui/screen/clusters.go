// Package screen has what each page shows, made of an inventory: texts, numbers and
// times, without HTML and without a client.
package screen

import (
	"slices"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// Clusters is a part of the first page: all Kafka clusters, those with problems first.
type Clusters struct {
	Shown []Line
	Pages Pages

	namespace string // of all of them; empty: of several
}

// Line is what the first page says of a Kafka cluster.
type Line struct {
	Key      inventory.ClusterKey
	Problems []inventory.Problems // the gravest first; none: all is well
	Count    int                  // of the problems, of all objects
	Volumes  int
	Loss     string    // how much time the worst volume would lose if it died now
	LossOf   string    // that volume; empty: all are alike, or there are none
	Kafka    string    // when Kafka was asked what would be lost; empty: it is not asked
	AtRisk   []string  // what it said, in records
	Next     time.Time // of the next run; zero: none is due
	Idle     string    // why none is due
}

// NewClusters returns a part of the first page.
func NewClusters(i *inventory.Inventory, part Part, now time.Time) Clusters {
	var all []Line
	for _, s := range i.Statuses(now) {
		all = append(all, lineOf(s, now))
	}
	c := Clusters{}
	if len(all) > 0 && !slices.ContainsFunc(all, func(l Line) bool { return l.Key.Namespace != all[0].Key.Namespace }) {
		c.namespace = all[0].Key.Namespace
	}
	slices.SortStableFunc(all, func(a, b Line) int { return inventory.TrueFirst(a.Count > 0, b.Count > 0) })
	some := slices.DeleteFunc(slices.Clone(all), func(l Line) bool { return !part.matches(l.texts()...) })
	c.Shown, c.Pages = paged(some, len(all), part)
	return c
}

// texts are what a cluster is found by.
func (l Line) texts() []string {
	texts := []string{l.Key.String(), l.Idle}
	if l.Count > 0 {
		texts = append(texts, "problem")
	}
	for _, p := range l.Problems {
		texts = append(texts, p.Reason, p.Message)
	}
	return texts
}

func lineOf(s inventory.Status, now time.Time) Line {
	l := Line{
		Key: inventory.ClusterKey{Namespace: s.Namespace, Name: s.Cluster}, Problems: s.Together(), Count: len(s.Problems),
		Volumes: len(s.Volumes), Kafka: s.KafkaSaid(now), AtRisk: s.AtRisk(),
	}
	l.Loss, l.LossOf = worst(s.Volumes, now)
	l.Next, l.Idle = next(s.Backups)
	return l
}

// worst returns how much time the volume would lose that would lose most, and its name
// if others would lose less.
func worst(volumes []inventory.VolumeStatus, now time.Time) (loss, of string) {
	if len(volumes) == 0 {
		return "", ""
	}
	older := func(a, b inventory.VolumeStatus) int {
		switch {
		case a.Newest == nil || b.Newest == nil:
			return inventory.TrueFirst(a.Newest == nil, b.Newest == nil)
		}
		return a.Newest.ScheduledTime.Time.Compare(b.Newest.ScheduledTime.Time)
	}
	first, last := slices.MinFunc(volumes, older), slices.MaxFunc(volumes, older)
	if loss = first.DataLoss(now); loss == last.DataLoss(now) {
		return loss, ""
	}
	return loss, first.Volume
}

// next returns when the next run is due, or why none is.
func next(backups []inventory.BackupStatus) (time.Time, string) {
	var first time.Time
	suspended := 0
	for _, b := range backups {
		if b.Suspended {
			suspended++
			continue
		}
		if t := b.NextScheduleTime; t != nil && (first.IsZero() || t.Time.Before(first)) {
			first = t.Time
		}
	}
	switch {
	case !first.IsZero():
		return first, ""
	case len(backups) == 0:
		return first, "no KafkaBackup"
	case suspended == len(backups):
		return first, "suspended"
	}
	return first, "not known yet"
}

// Title returns the page's title.
func (Clusters) Title() string { return "Kafka clusters" }

// Command returns the kubectl command that says the same.
func (c Clusters) Command() string {
	if c.namespace == "" {
		return "kubectl snapback status -A"
	}
	return "kubectl snapback status -n " + c.namespace
}
