package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
)

// printKafka prints what would be lost if something broke now, as Kafka said.
func printKafka(out io.Writer, c inventory.Status, now time.Time) {
	k := c.Kafka
	if k == nil {
		return
	}
	stale := ""
	if k.Stale != "" {
		stale = ", and does not answer any more: " + k.Stale
	}
	fmt.Fprintf(out, "Kafka cluster %s/%s said %s%s:\n", c.Namespace, c.Cluster, ago(k.ObservedTime.Time, now), stale)
	disks := map[string]int{}
	for _, v := range c.Volumes {
		disks[v.Broker]++
	}
	for _, v := range k.AtRisk {
		what := "broker " + v.Broker + " died"
		if disks[v.Broker] > 1 {
			what = "volume " + v.Volume + " of broker " + v.Broker + " was lost"
		}
		fmt.Fprintf(out, "- if %s now: %s\n", what, v.Message)
	}
	switch more := int(k.VolumesAtRisk) - len(k.AtRisk); {
	case more > 0:
		fmt.Fprintf(out, "- %s of other brokers would lose less\n", kafka.Count(int64(more), "volume"))
	case len(k.AtRisk) > 0:
		fmt.Fprintln(out, "- if any other broker died now: nothing")
	default:
		fmt.Fprintln(out, "- if any one broker died now: nothing")
	}
	fmt.Fprintf(out, "- if all brokers died now: %s\n", k.IfAllLost.Message)
	if k.OfflinePartitions > 0 || k.UnderReplicatedPartitions > 0 {
		fmt.Fprintf(out, "- of %s, %s without a leader, %s not in sync\n", kafka.Count(int64(k.Partitions), "partition"),
			kafka.Thousands(int64(k.OfflinePartitions)), kafka.Thousands(int64(k.UnderReplicatedPartitions)))
	}
	fmt.Fprintln(out)
}
