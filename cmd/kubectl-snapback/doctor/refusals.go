package doctor

import (
	"context"
	"fmt"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// refusals holds, by reason, the claims that would be refused if they were
// created again, and the message for the first one.
type refusals struct {
	claims  map[v1alpha1.Reason][]string
	message map[v1alpha1.Reason]string
}

func checkRefusals(_ context.Context, e *examination) ([]Finding, error) {
	all := map[inventory.ClusterKey]refusals{}
	for k, volumes := range living(e.inventory.Volumes) {
		r := refusals{map[v1alpha1.Reason][]string{}, map[v1alpha1.Reason]string{}}
		for _, v := range volumes {
			d := e.inventory.IfLost(v, e.now())
			if d.Outcome != v1alpha1.OutcomeDeny || inventory.Said(v, d.Reason, e.inventory.Backups) {
				continue
			}
			if len(r.claims[d.Reason]) == 0 {
				r.message[d.Reason] = d.Message
			}
			r.claims[d.Reason] = append(r.claims[d.Reason], v.Claim().Name)
		}
		all[k] = r
	}
	return judgeRefusals(e.inventory.Clusters(), all), nil
}

// judgeRefusals finds claims that would be refused if they were lost now. Other
// checks report what they know: a wrong annotation is in the check of the opt-in,
// a condition in that of its KafkaBackup.
func judgeRefusals(clusters []inventory.ClusterKey, all map[inventory.ClusterKey]refusals) []Finding {
	var findings []Finding
	for _, k := range clusters {
		for _, reason := range v1alpha1.Reasons {
			if claims := all[k].claims[reason]; len(claims) > 0 && reason != v1alpha1.ReasonInvalidAnnotation {
				findings = append(findings, problem(clusterSubject(k), fmt.Sprintf("if they were lost, these claims would be refused, %s: %s", reason, several(claims)), all[k].message[reason]))
			}
		}
	}
	return unless(findings, ok("", "no claim would be refused if it were lost"))
}
