package cli

import (
	"cmp"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots"
)

// printExplained prints the explanation of one claim.
func printExplained(out io.Writer, x rehearsal.Explained, now time.Time) error {
	fmt.Fprintf(out, "%s\n\n", x.Where())
	for _, line := range x.Verdict() {
		fmt.Fprintln(out, line)
	}
	switch {
	case x.Answer.Outcome == rehearsal.LeftAlone:
		return nil
	case len(x.Considered) == 0:
		fmt.Fprintln(out, "\nThe volume has no snapshots.")
		return nil
	}
	fmt.Fprintln(out)
	rows := [][]string{{"SNAPSHOT", "AGE", "PASSED OVER", "WHY"}}
	for _, c := range x.Considered {
		rows = append(rows, []string{c.Name, duration.HumanDuration(now.Sub(c.Scheduled)), cmp.Or(string(c.Passed), "-"), cmp.Or(c.Why, "it is the one to restore from")})
	}
	return table(out, rows)
}

// printNoVolume prints how to make Snapback recognise a claim as a broker's.
func printNoVolume(out io.Writer, pvc *corev1.PersistentVolumeClaim) error {
	lines := []string{
		fmt.Sprintf("Claim %s/%s is no broker volume that Snapback knows: it is neither backed up nor restored.", pvc.Namespace, cmp.Or(pvc.Name, pvc.GenerateName)),
		"",
		fmt.Sprintf("Label it %s=CLUSTER and %s=BROKER to say that it is one, or let the volumeSelector of a", v1alpha1.LabelCluster, v1alpha1.LabelBroker),
		fmt.Sprintf("KafkaBackup match it, with the label %s=true on its namespace. These labels are known of operators and charts:", v1alpha1.LabelIntercept),
		"",
	}
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	rows := [][]string{{"OPERATOR OR CHART", "LABELS"}}
	for _, d := range snapshots.Dialects() {
		rows = append(rows, []string{d.Name, d.Selector})
	}
	return table(out, rows)
}
