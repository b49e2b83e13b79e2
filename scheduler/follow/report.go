package follow

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/texts"
)

const (
	maxListed = 10  // entries of each list in a report, as the CRD says
	maxGroup  = 255 // bytes of a group's name
)

// report writes what was found into the status.
func report(r *v1alpha1.RestoreReport, a kafka.Aftermath, partly error) {
	r.Message = a.Words()
	if partly != nil {
		r.Message = texts.FirstBytes(r.Message+"; not known are "+partly.Error(), maxEvent)
	}
	if !a.Observed.IsZero() {
		r.ObservedTime = &metav1.Time{Time: a.Observed}
	}
	if a.Compared() {
		records, how := a.Sum()
		r.RecordsGone, r.Exactness = ptr.To(records), string(how)
	}
	r.PartitionsLost, r.PartitionsUnknown = int32(len(a.Losses)), int32(len(a.Unknown)+a.Omitted)
	r.LostPartitions = first(a.Losses, func(l kafka.LostRange) v1alpha1.LostPartition {
		return v1alpha1.LostPartition{Topic: l.Topic, Partition: l.Partition, From: l.From, To: l.To, Exactness: string(l.Exactness)}
	})
	r.GroupsBeyondEnd = first(a.Beyond, group)
	r.HangingTransactions = first(a.Hanging, func(t kafka.Transaction) v1alpha1.HangingTransaction {
		return v1alpha1.HangingTransaction{Topic: t.Topic, Partition: t.Partition, StartOffset: t.StartOffset, ProducerID: t.ProducerID}
	})
	r.UncleanLeaders = first(a.Unclean, func(u kafka.Unclean) v1alpha1.UncleanLeader {
		return v1alpha1.UncleanLeader{Topic: u.Topic, Partition: u.Partition, Leader: u.Leader, Lost: u.Lost, Down: u.Down[:min(len(u.Down), maxListed)]}
	})
	same := func(name string) string { return name }
	r.TopicsMadeAgain, r.TopicsGone = first(a.MadeAgain, same), first(a.Gone, same)
}

func group(b kafka.Beyond) v1alpha1.GroupBeyondEnd {
	g := v1alpha1.GroupBeyondEnd{Group: texts.FirstBytes(b.Group, maxGroup), Topic: b.Topic, Partition: b.Partition, Committed: b.Committed, End: b.End}
	if b.Back >= 0 {
		g.ResetTo = ptr.To(b.Back)
	}
	return g
}

// first converts the entries that a report lists.
func first[From, To any](all []From, convert func(From) To) (listed []To) {
	for _, one := range all[:min(len(all), maxListed)] {
		listed = append(listed, convert(one))
	}
	return listed
}
