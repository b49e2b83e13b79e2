package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// printProof prints a line for each KafkaBackup that asks for restore drills. What is
// wrong stands among the problems already.
func printProof(out io.Writer, c inventory.Status, now time.Time) {
	for _, b := range c.Backups {
		if said := b.Proven(now); said != "" {
			fmt.Fprintln(out, said)
		}
	}
}
