package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/kafka/logdir"
)

// errUnsound is the error for exit code 1, when the problems are already printed.
var errUnsound = errors.New("there is damage, or a broker would not start: see above")

func verifyCommand() *cobra.Command {
	var output string
	var setAside bool
	cmd := &cobra.Command{
		Use:   "verify DIR...",
		Short: "Check the log dirs of one stopped broker: what they hold, what is damaged, what prevents a start",
		Long: "Reads every record batch of a broker's log dirs, without Kafka, and changes nothing.\n" +
			"Name all log dirs of the broker. The exit code is 1 if something is damaged or would keep the broker from starting.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "" && output != "json" {
				return fmt.Errorf("--output: unknown format %q: use json, or leave it out for a table", output)
			}
			report, err := verify(cmd, args, setAside)
			if err != nil {
				return err
			}
			if err := report.print(cmd.OutOrStdout(), output); err != nil {
				return err
			}
			if !report.Sound() {
				return errUnsound
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "output format: json; default: a table")
	cmd.Flags().BoolVar(&setAside, "set-aside", false, "rename the stale copy of each partition that is in two log dirs, so that the broker starts; nothing is deleted")
	return cmd
}

// report is the result that the command prints.
type report struct {
	logdir.Broker
	Moved []logdir.Move `json:"moved,omitempty"`
}

func verify(cmd *cobra.Command, dirs []string, setAside bool) (report, error) {
	b, err := logdir.ReadBroker(cmd.Context(), dirs...)
	if err != nil || !setAside || len(b.Duplicates) == 0 {
		return report{Broker: b}, err
	}
	moved, err := b.SetAside()
	if err != nil {
		return report{}, errors.Join(err, printMoves(cmd.ErrOrStderr(), moved))
	}
	b, err = logdir.ReadBroker(cmd.Context(), dirs...)
	return report{b, moved}, err
}

func (r report) print(w io.Writer, output string) error {
	if output == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	for _, d := range r.Dirs {
		if err := printDir(w, d); err != nil {
			return err
		}
	}
	for _, problem := range r.Problems {
		fmt.Fprintln(w, "PROBLEM:", problem)
	}
	return printMoves(w, r.Moved)
}

func printMoves(w io.Writer, moves []logdir.Move) error {
	for _, m := range moves {
		if _, err := fmt.Fprintf(w, "set aside: %s is now %s\n", m.From, m.To); err != nil {
			return err
		}
	}
	return nil
}

func printDir(w io.Writer, d logdir.Dir) error {
	shutdown := "the broker did not stop cleanly: it checks the ends of the logs when it starts"
	if d.Clean {
		shutdown = "the broker stopped cleanly"
	}
	fmt.Fprintf(w, "%s: node %s of cluster %s; %s\n", d.Path, d.NodeID, d.ClusterID, shutdown)
	if d.InUse {
		fmt.Fprintln(w, "  A running process uses it: the files may have changed while they were read.")
	}
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "  PARTITION\tOFFSETS\tRECORDS\tLAST RECORD\tBYTES\tNOTES")
	for _, p := range d.Partitions {
		last := "-"
		if !p.LastTime.IsZero() {
			last = p.LastTime.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "  %s\t%d..%d\t%d\t%s\t%d\t%s\n", p.Name(), p.StartOffset, p.EndOffset, p.Records, last, p.Bytes, notes(p))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, name := range d.Aside {
		fmt.Fprintf(w, "  %s is being deleted or moved, or was set aside\n", name)
	}
	for _, problem := range d.Problems {
		fmt.Fprintln(w, "  PROBLEM:", problem)
	}
	return nil
}

func notes(p logdir.Partition) string {
	switch {
	case len(p.Damage) > 0:
		return "damaged"
	case p.OpenTransactions > 0:
		return fmt.Sprintf("%d open transactions, the first at offset %d", p.OpenTransactions, p.StableOffset)
	case p.TornBytes > 0:
		return fmt.Sprintf("the last %d bytes are incomplete and will be cut off", p.TornBytes)
	}
	return ""
}
