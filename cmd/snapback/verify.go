package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/kafka/logdir"
)

// errUnsound is returned when the problems are already printed.
var errUnsound = errors.New("there is damage, or a broker would not start: see above")

type verifyFlags struct {
	output, summary  string
	search, setAside bool
}

func verifyCommand() *cobra.Command {
	var flags verifyFlags
	cmd := &cobra.Command{
		Use:   "verify DIR...",
		Short: "Check the log dirs of one stopped broker: what they hold, what is damaged, what prevents a start",
		Long: "Reads every record batch of a broker's log dirs, without Kafka, and changes nothing.\n" +
			"Name all log dirs of the broker, or with --search its volumes. The exit code is 1 if something is damaged\n" +
			"or would keep the broker from starting, and 2 if the log dirs could not be read.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.output != "" && flags.output != "json" {
				return fmt.Errorf("--output: unknown format %q: use json, or leave it out for a table", flags.output)
			}
			report, err := verify(cmd, args, flags)
			if err != nil {
				return explain(err)
			}
			if err := report.print(cmd.OutOrStdout(), flags.output); err != nil {
				return err
			}
			if err := report.summarize(flags.summary); err != nil {
				return err
			}
			if !report.Sound() {
				return errUnsound
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "output format: json; default: a table")
	cmd.Flags().StringVar(&flags.summary, "summary", "", "a file for the result in at most 4096 bytes of JSON, such as /dev/termination-log; it is not written if the log dirs could not be read")
	cmd.Flags().BoolVar(&flags.search, "search", false, "the arguments are volumes: look for log dirs in them, at most 3 levels down")
	cmd.Flags().BoolVar(&flags.setAside, "set-aside", false, "rename the stale copy of each partition that is in two log dirs, so that the broker starts; nothing is deleted")
	cmd.MarkFlagsMutuallyExclusive("search", "set-aside") // who has files moved names the folders
	return cmd
}

// report is the result that the command prints.
type report struct {
	logdir.Broker
	Moved []logdir.Move `json:"moved,omitempty"`
}

func verify(cmd *cobra.Command, dirs []string, flags verifyFlags) (report, error) {
	read := logdir.ReadBroker
	if flags.search {
		read = logdir.ReadVolumes
	}
	b, err := read(cmd.Context(), dirs...)
	if err != nil || !flags.setAside || len(b.Duplicates) == 0 {
		return report{Broker: b}, err
	}
	moved, err := b.SetAside()
	if err != nil {
		return report{}, errors.Join(err, printMoves(cmd.ErrOrStderr(), moved))
	}
	b, err = logdir.ReadBroker(cmd.Context(), dirs...)
	return report{b, moved}, err
}

// explain adds to an error who must not read a file, and whose it is.
func explain(err error) error {
	denied, ok := errors.AsType[*fs.PathError](err)
	if !ok || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	groups, _ := os.Getgroups() // only for the text
	owner := ""
	if info, err := os.Stat(denied.Path); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = fmt.Sprintf("; it belongs to user %d and group %d with mode %v", stat.Uid, stat.Gid, info.Mode())
		}
	}
	return fmt.Errorf("%w: user %d with group %d and groups %v may not read it%s: run as the user that Kafka runs as", err, os.Getuid(), os.Getgid(), groups, owner)
}

// summarize writes the summary into a file in its place: a container's termination
// message is a mounted file, which cannot be renamed over.
func (r report) summarize(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.Marshal(r.Summary())
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
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
