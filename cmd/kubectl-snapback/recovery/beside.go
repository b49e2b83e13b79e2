package recovery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// underReplicated is the command that lists partitions with replicas out of sync.
const underReplicated = "kafka-topics.sh --bootstrap-server " + someBroker + " --describe --under-replicated-partitions"

// recently is how long after it got its claim a broker may still be fetching the
// data that it misses.
const recently = time.Hour

// beside warns of other brokers that may not have the data of these: such data is
// lost for good when they are replaced. Kubernetes does not know which brokers are
// in sync. Where Kafka cannot be asked, a person is asked to check.
func (p *Plan) beside(inv *inventory.Inventory, around Around, why string, now time.Time) {
	if p.All {
		return
	}
	role, own := p.Items[0].Volume.Role, p.nodes()
	var others []*inventory.Volume
	for n := range inv.Volumes {
		if v := &inv.Volumes[n]; !slices.Contains(own, v.Node) && shares(role, v.Role) {
			others = append(others, v)
		}
	}
	asked, names := p.Brokers[0].Asked, strings.Join(own, ", ")
	var said []string
	if len(others) > 0 && role.HoldsTopics() && !asked {
		said = append(said, notAsked(why)+fmt.Sprintf("Ready is not in sync: Kubernetes knows that a broker runs, only Kafka knows whether it has caught up, and what broker %s alone has is lost. "+
			"Before you say yes, and again before you go on with the next broker, check that nothing is listed but what broker %s itself lacks: %s", names, names, underReplicated))
	}
	for _, v := range others {
		if text := unbound(v); text != "" && p.holdsData() {
			p.Blocks = append(p.Blocks, text+": wait until it is restored and in sync, since broker "+names+" may be the only one that has what it lacks")
		} else if text != "" {
			said = append(said, text+": partitions that both brokers have go back to their snapshots")
		}
	}
	said = append(said, down(others, around)...)
	if !asked {
		said = append(said, young(others, now)...)
	}
	p.Warnings = slices.Concat(said, p.Warnings) // above all
}

func notAsked(why string) string {
	if why == "" {
		return ""
	}
	return "Kafka cannot be asked: " + why + ". "
}

// nodes returns the names of the brokers.
func (p *Plan) nodes() (names []string) {
	for _, b := range p.Brokers {
		names = append(names, b.Node)
	}
	return names
}

// shares reports whether nodes of the two roles hold the same kind of data:
// records, or votes.
func shares(a, b snapshots.Role) bool {
	return a.HoldsTopics() && b.HoldsTopics() || a.Quorum() && b.Quorum()
}

// holdsData reports whether a broker has a disk that would be replaced.
func (p *Plan) holdsData() bool {
	return slices.ContainsFunc(p.Brokers, func(b Broker) bool { return holdsData(p.itemsOf(b.Node)) })
}

// unbound returns a text if the volume's claim is Pending or being deleted.
func unbound(v *inventory.Volume) string {
	claim := v.Claim()
	switch {
	case claim == nil && len(v.Claims) > 0:
		return fmt.Sprintf("claim %s of broker %s is being deleted", v.Claims[0].Name, v.Node)
	case claim == nil || stateOf(claim) != string(corev1.ClaimPending):
		return ""
	case snapshots.SourceOf(claim) != "":
		return fmt.Sprintf("claim %s of broker %s is Pending, being restored from VolumeSnapshot %s", claim.Name, v.Node, snapshots.SourceOf(claim))
	}
	return fmt.Sprintf("claim %s of broker %s is Pending", claim.Name, v.Node)
}

// down returns warnings about brokers that do not run.
func down(others []*inventory.Volume, around Around) []string {
	var gone, notReady []string
	for _, v := range others {
		running := slices.ContainsFunc(podsOf(v, around.Pods), isReady)
		switch state := stateOf(v.Claim()); {
		case len(v.Claims) == 0 || state == string(corev1.ClaimLost):
			gone = append(gone, v.Node)
		case state == string(corev1.ClaimBound) && !running:
			notReady = append(notReady, v.Node)
		}
	}
	slices.Sort(gone) // a broker's disks need not stand together
	slices.Sort(notReady)
	var said []string
	if gone = slices.Compact(gone); len(gone) > 0 {
		said = append(said, fmt.Sprintf("these brokers have lost a disk, or were scaled down: %s. If they are lost, what only they and this one have goes back to their snapshots", some(gone)))
	}
	if notReady = slices.Compact(notReady); len(notReady) > 0 {
		said = append(said, fmt.Sprintf("these brokers have no Ready pod, and so are not in sync: %s. Have them run and catch up first, if they can", some(notReady)))
	}
	return said
}

// young returns warnings about brokers that may not have caught up yet.
func young(others []*inventory.Volume, now time.Time) []string {
	var since []string
	for _, v := range others {
		claim := v.Claim()
		if stateOf(claim) != string(corev1.ClaimBound) || now.Sub(claim.CreationTimestamp.Time) >= recently {
			continue
		}
		what := "new"
		if source := snapshots.SourceOf(claim); source != "" {
			what = "restored from VolumeSnapshot " + source
		}
		since = append(since, fmt.Sprintf("broker %s (claim %s, %s, %s old)", v.Node, claim.Name, what, duration.HumanDuration(now.Sub(claim.CreationTimestamp.Time))))
	}
	if len(since) == 0 {
		return nil
	}
	return []string{"these may not be in sync yet: " + strings.Join(since, ", ")}
}
