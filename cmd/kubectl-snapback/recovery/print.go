package recovery

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Print writes the plan for a person. What blocks it comes first.
func Print(out io.Writer, p *Plan, o Operator, now time.Time) error {
	fmt.Fprintf(out, "%s\nClaims and pods are made by: %s\n\n", p.Title, o.Name())
	list(out, "BLOCKED, nothing is changed until this is mended:", p.Blocks)
	w := printers.GetNewTabWriter(out)
	fmt.Fprintln(w, "CLAIM\tSTATE\tPOD\tSNAPSHOT\tRUN\tAGE")
	for _, item := range p.Items {
		name, run, age := "<none>", "-", "-"
		if s := item.Snapshot; s != nil {
			name, run, age = s.Name, runOf(*s), duration.HumanDuration(now.Sub(s.Cut))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", item.claimName(), item.state(), item.podNames(), name, run, age)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the plan: %w", err)
	}
	fmt.Fprintln(out)
	if first, last := p.cuts(); !first.IsZero() {
		if p.All {
			fmt.Fprintf(out, "All disks were cut within %s.\n", span(first, last))
		}
		if p.loses() {
			fmt.Fprintf(out, "%s what was written after %s, %s ago%s\n\n", lostWord(p.All), utc(first), duration.HumanDuration(now.Sub(first)), lostUnless(p.All))
		}
	}
	list(out, "Kafka says:", p.Says)
	list(out, "Mind:", p.Warnings)
	list(out, "Steps:", Steps(p, o))
	return nil
}

// loses reports whether something may be lost, as far as is known.
func (p *Plan) loses() bool {
	safe := func(b Broker) bool { return b.Asked && len(b.losses) == 0 && !b.back }
	return p.All || slices.ContainsFunc(p.Brokers, func(b Broker) bool { return !safe(b) })
}

func lostWord(all bool) string {
	if all {
		return "Lost for good, on all brokers:"
	}
	return "Lost:"
}

func lostUnless(all bool) string {
	if all {
		return "."
	}
	return ", of partitions that have no other replica in sync."
}

// list prints a paragraph with the texts; nothing if there are none.
func list(out io.Writer, title string, texts []string) {
	if len(texts) == 0 {
		return
	}
	fmt.Fprintln(out, title)
	for _, text := range texts {
		fmt.Fprintln(out, " -", text)
	}
	fmt.Fprintln(out)
}

// runOf returns the name of a snapshot's run, with its KafkaBackup.
func runOf(s snapshots.Snapshot) string {
	name := snapshots.FormatRun(s.Scheduled)
	if backup := s.Annotations[v1alpha1.AnnotationBackupName]; backup != "" {
		name += " of " + backup
	}
	return name
}

func (i *Item) state() string {
	if i.Done {
		return "restored"
	}
	if i.Volume.Claim() == nil && len(i.Volume.Claims) > 0 {
		return stateOf(i.Volume.Claims[0])
	}
	return stateOf(i.Volume.Claim())
}

func (i *Item) podNames() string {
	var names []string
	for _, pod := range i.Pods {
		names = append(names, pod.Name)
	}
	if slices.Sort(names); len(names) == 0 {
		return "<none>"
	}
	return strings.Join(names, ",")
}

// cuts returns when the first and the last of the plan's snapshots were cut.
func (p *Plan) cuts() (first, last time.Time) {
	var all []*snapshots.Snapshot
	for _, item := range p.Items {
		if item.Snapshot != nil {
			all = append(all, item.Snapshot)
		}
	}
	return snapshots.Cuts(slices.Values(all))
}

// PrintRestored writes what was restored, and what to do next.
func PrintRestored(out io.Writer, p *Plan) {
	for _, item := range p.Items {
		if item.Restored != nil {
			fmt.Fprintf(out, "Restored claim %s from VolumeSnapshot %s of run %s\n", item.Restored.Name, item.Snapshot.Name, runOf(*item.Snapshot))
		}
	}
	if len(p.Kept) > 0 {
		fmt.Fprintf(out, "Kept, with what was written after the snapshots: %s. Once nobody needs that any more, these commands remove the PersistentVolumes and their storage (kubectl delete pv alone would leave the storage behind):\n  %s\n",
			strings.Join(p.Kept, ", "), strings.Join(removal(p.Kept), "\n  "))
	}
	fmt.Fprintln(out, p.next())
	if p.All {
		fmt.Fprintln(out, "Snapshots from after that run are marked snapback.dev/abandoned and kept: delete them when nobody needs them.")
	}
}

// next returns what is to do after the restore.
func (p *Plan) next() string {
	const groups = "look at consumer groups that stand beyond the end of their partitions, and restart idempotent producers that get OUT_OF_ORDER_SEQUENCE_NUMBER. docs/restoring-kafka.md has each."
	synced := func(b Broker) bool { return b.Synced != nil && len(b.Synced.Stuck) == 0 }
	if p.All || slices.ContainsFunc(p.Brokers, func(b Broker) bool { return !synced(b) }) {
		return "Next: wait until " + underReplicated + " lists nothing, before any other broker is taken away; " + groups
	}
	text := "Kafka has all that was restored in sync."
	if p.loses() {
		text += " Next: " + groups
	}
	return text
}
