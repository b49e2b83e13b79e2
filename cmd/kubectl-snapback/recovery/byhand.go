package recovery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// ByHand returns the commands that do the same as a plan of the whole cluster, for
// users who need somebody else to run some of them.
func ByHand(p *Plan, o Operator) (commands []string) {
	namespace := p.Cluster.Namespace
	var pins, claims, brokers, voters []string
	for _, item := range p.Items {
		if item.Snapshot != nil {
			pins = append(pins, item.Snapshot.Name)
		}
		for _, c := range item.Volume.Claims {
			claims = append(claims, c.Name)
		}
		for _, pod := range item.Pods {
			if item.Volume.Role.Quorum() {
				voters = append(voters, pod.Name)
			} else {
				brokers = append(brokers, pod.Name)
			}
		}
	}
	commands = append(commands, fmt.Sprintf("kubectl annotate volumesnapshot -n %s %s %s=true", namespace, strings.Join(pins, " "), v1alpha1.AnnotationRestoreNext))
	commands = append(commands, o.StopByHand()...)
	if p.keeps() {
		commands = append(commands, fmt.Sprintf(`kubectl patch pv %s -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'`, strings.Join(p.goes, " ")))
	}
	if len(claims) > 0 {
		commands = append(commands, fmt.Sprintf("kubectl delete pvc -n %s %s --wait=false", namespace, strings.Join(claims, " ")))
	}
	for _, pods := range [][]string{brokers, voters} {
		slices.Sort(pods)
		if pods = slices.Compact(pods); len(pods) > 0 {
			commands = append(commands, fmt.Sprintf("kubectl delete pod -n %s %s --ignore-not-found --grace-period=%d", namespace, strings.Join(pods, " "), shortGrace))
		}
	}
	if len(claims) > 0 {
		commands = append(commands, fmt.Sprintf("kubectl wait -n %s --for=delete pvc %s --timeout=5m", namespace, strings.Join(claims, " ")))
	}
	return append(commands, o.StartByHand()...)
}

// Steps returns the steps of the plan, in order.
func Steps(p *Plan, o Operator) []string {
	var steps []string
	if p.ClusterID != "" {
		steps = append(steps, "stop "+o.Name()+", and give it the cluster id of the snapshots, "+p.ClusterID)
	}
	steps = append(steps, "hold the snapshots, and pin them for the next claims of their volumes; ask the webhook in a dry run")
	if p.largest() != nil {
		steps = append(steps, "have the storage make a volume of the largest snapshot in a claim aside, and delete that again")
	}
	if p.keeps() {
		steps = append(steps, "set the PersistentVolumes of the old claims to Retain")
	}
	if !p.All {
		return append(steps, p.brokerSteps()...)
	}
	return append(steps, "stop "+o.Name(), fmt.Sprintf("delete all claims, and the pods, each with at most %d seconds to stop, brokers before their quorum; wait until they are gone", shortGrace), "start "+o.Name()+" again",
		"wait for new claims from these snapshots, Bound, and Ready pods", "let the snapshots go")
}

// brokerSteps returns the steps of a plan that restores one broker after another.
func (p *Plan) brokerSteps() (steps []string) {
	if len(p.Brokers) > 1 {
		steps = append(steps, "do what follows for "+strings.Join(p.nodes(), ", then for "))
	}
	asked := p.Brokers[0].Asked
	if asked {
		steps = append(steps, "ask Kafka again whether nothing else is lost, and stop if it is")
	}
	steps = append(steps, "delete the claims and the pod", "wait for new claims from these snapshots, Bound, and a Ready pod")
	if asked {
		steps = append(steps, "wait until Kafka has the broker in sync in all of its partitions")
	}
	return append(steps, "let the snapshots go")
}
