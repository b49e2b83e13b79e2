package cli

import (
	"cmp"
	"fmt"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// printProof prints a line for each KafkaBackup that asks for restore drills. What is
// wrong stands among the problems already.
func printProof(out io.Writer, c inventory.Status, now time.Time) {
	for _, b := range c.Backups {
		p := b.Proof
		if p == nil {
			continue
		}
		last := "no snapshot was found sound yet"
		if p.LastProvenTime != nil {
			last = "a snapshot was last found sound " + ago(p.LastProvenTime.Time, now)
		}
		said := cmp.Or(p.Message, "the scheduler has not judged them yet")
		if p.Status == metav1.ConditionFalse {
			said = "see the problem " + p.Reason
		}
		fmt.Fprintf(out, "Restore drills of %s %s: %s (%s)\n", b.Kind, b.Name, said, last)
	}
}
