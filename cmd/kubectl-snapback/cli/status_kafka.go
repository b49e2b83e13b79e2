package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// printKafka prints what would be lost if something broke now, as Kafka said.
func printKafka(out io.Writer, c inventory.Status, now time.Time) {
	said := c.KafkaSaid(now)
	if said == "" {
		return
	}
	fmt.Fprintf(out, "Kafka cluster %s/%s %s:\n", c.Namespace, c.Cluster, said)
	for _, line := range c.AtRisk() {
		fmt.Fprintln(out, "- "+line)
	}
	fmt.Fprintln(out)
}
