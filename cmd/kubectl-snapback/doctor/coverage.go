package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// clusterSubject returns the name of a Kafka cluster for a finding.
func clusterSubject(k inventory.ClusterKey) string { return "Kafka cluster " + k.String() }

// living returns the volumes that have a live claim, by cluster.
func living(volumes []inventory.Volume) map[inventory.ClusterKey][]*inventory.Volume {
	all := map[inventory.ClusterKey][]*inventory.Volume{}
	for n := range volumes {
		if v := &volumes[n]; v.Claim() != nil {
			k := inventory.ClusterKey{Namespace: v.Namespace, Name: v.Cluster}
			all[k] = append(all[k], v)
		}
	}
	return all
}

func checkCoverage(_ context.Context, e *examination) ([]Finding, error) {
	return judgeCoverage(e.inventory.Clusters(), e.inventory.Backups, e.inventory.Volumes), nil
}

// judgeCoverage finds volumes without a backup, and backups without a volume.
func judgeCoverage(clusters []inventory.ClusterKey, backups []inventory.Backup, volumes []inventory.Volume) []Finding {
	var findings []Finding
	byCluster := living(volumes)
	for _, k := range clusters {
		var uncovered []string
		for _, v := range byCluster[k] {
			if !slices.ContainsFunc(backupsOf(backups, v), func(b inventory.Backup) bool { return !b.Parsed.Excludes(v.Role) }) {
				uncovered = append(uncovered, v.Claim().Name)
			}
		}
		if len(uncovered) > 0 {
			findings = append(findings, warning(clusterSubject(k), "no KafkaBackup covers the volumes of these claims: "+several(uncovered),
				fmt.Sprintf("create a KafkaBackup in namespace %s with clusterRef %s", k.Namespace, k.Name)))
		}
	}
	for _, b := range backups {
		k := inventory.ClusterKey{Namespace: b.Namespace, Name: b.Spec.ClusterRef}
		if len(byCluster[k]) > 0 {
			continue
		}
		findings = append(findings, warning(subjectOf(b), fmt.Sprintf("it matches no claim: its namespace has none of Kafka cluster %q", k.Name), nameIt(k, byCluster)))
	}
	return unless(findings, ok("", "every broker volume is covered by a KafkaBackup"))
}

// nameIt returns what to do about a cluster name that matches nothing: it lists
// the clusters that exist.
func nameIt(wanted inventory.ClusterKey, byCluster map[inventory.ClusterKey][]*inventory.Volume) string {
	var names []string
	for k := range maps.Keys(byCluster) {
		if k.Namespace == wanted.Namespace {
			names = append(names, k.Name)
		}
	}
	if len(names) == 0 {
		return "check that it is in the brokers' namespace; claims that no known operator labels need snapback.dev/cluster and snapback.dev/broker, or spec.volumeSelector"
	}
	slices.Sort(names)
	return "set spec.clusterRef to one that exists: " + several(names)
}

func checkOptIn(_ context.Context, e *examination) ([]Finding, error) {
	out, mistaken := map[inventory.ClusterKey][]string{}, map[inventory.ClusterKey]string{}
	for k, volumes := range living(e.inventory.Volumes) {
		for _, v := range volumes {
			policy, err := e.inventory.Policy(v)
			if err != nil {
				mistaken[k] = fmt.Sprintf("claim %s: %v", v.Claim().Name, err)
			} else if !policy.OptedIn() {
				out[k] = append(out[k], v.Claim().Name)
			}
		}
	}
	return judgeOptIn(e.inventory.Clusters(), out, mistaken), nil
}

// judgeOptIn reports the claims that would not be restored, and for each cluster
// an invalid value of an annotation, for which the webhook refuses claims.
func judgeOptIn(clusters []inventory.ClusterKey, out map[inventory.ClusterKey][]string, mistaken map[inventory.ClusterKey]string) []Finding {
	var findings []Finding
	for _, k := range clusters {
		if text := mistaken[k]; text != "" {
			findings = append(findings, problem(clusterSubject(k), "lost claims would be refused: "+text, "correct the annotation"))
		}
		if len(out[k]) > 0 {
			findings = append(findings, warning(clusterSubject(k), "not opted in: if they were lost, these claims would come back empty: "+several(out[k]),
				fmt.Sprintf("annotate the KafkaBackup of the cluster, or the namespace, with %s=latest", v1alpha1.AnnotationRestore)))
		}
	}
	return unless(findings, ok("", "all broker volumes are opted in"))
}

func checkSnapshots(_ context.Context, e *examination) ([]Finding, error) {
	return judgeSnapshots(e.inventory), nil
}

// firstRun is how long the first snapshot of a volume may take after its run.
const firstRun = 10 * time.Minute

// judgeSnapshots finds volumes that are backed up, but have no snapshot to restore
// from.
func judgeSnapshots(i *inventory.Inventory) []Finding {
	byCluster := living(i.Volumes)
	var findings []Finding
	for _, k := range i.Clusters() {
		var waiting, without []string
		ask := "" // a KafkaBackup that backs up a waiting claim
		for _, v := range byCluster[k] {
			taking := slices.DeleteFunc(backupsOf(i.Backups, v), func(b inventory.Backup) bool { return b.Parsed.Excludes(v.Role) })
			if _, good := i.Good(v); good || len(taking) == 0 {
				continue
			}
			if slices.ContainsFunc(taking, func(b inventory.Backup) bool { return ranSince(b, v.Claim()) }) {
				without = append(without, v.Claim().Name)
			} else {
				waiting, ask = append(waiting, v.Claim().Name), taking[0].Name
			}
		}
		if len(without) > 0 {
			findings = append(findings, problem(clusterSubject(k), "runs were made, but these claims have no good snapshot: "+several(without), "kubectl get kbak -n "+k.Namespace+" -o yaml says why, and so do the Events of the VolumeSnapshots"))
		}
		if len(waiting) > 0 {
			findings = append(findings, warning(clusterSubject(k), "these claims have no snapshot yet: "+several(waiting), fmt.Sprintf("wait for the next run, or ask for one now: kubectl snapback run %s -n %s", ask, k.Namespace)))
		}
	}
	return unless(findings, ok("", "every volume that is backed up has a good snapshot"))
}

// ranSince reports whether a run was made since the claim was created.
func ranSince(b inventory.Backup, pvc *corev1.PersistentVolumeClaim) bool {
	last := b.Status.LastScheduleTime
	return last != nil && last.Sub(pvc.CreationTimestamp.Time) > firstRun
}

func checkRestores(_ context.Context, e *examination) ([]Finding, error) {
	return judgeRestores(e.inventory.Clusters(), e.inventory.Backups, e.inventory.Volumes, e.now()), nil
}

// judgeRestores finds clusters whose backups nobody has ever restored from.
func judgeRestores(clusters []inventory.ClusterKey, backups []inventory.Backup, volumes []inventory.Volume, now time.Time) []Finding {
	byCluster := living(volumes)
	var findings []Finding
	for _, k := range clusters {
		proven, oldest := false, now
		there := false
		for _, b := range backups {
			if b.Namespace == k.Namespace && b.Spec.ClusterRef == k.Name {
				there, proven = true, proven || len(b.Status.Restores) > 0
				if b.CreationTimestamp.Time.Before(oldest) {
					oldest = b.CreationTimestamp.Time
				}
			}
		}
		for _, v := range byCluster[k] {
			proven = proven || v.Claim().Annotations[v1alpha1.AnnotationRestoredFrom] != ""
		}
		if there && !proven {
			findings = append(findings, warning(clusterSubject(k), "backed up for "+duration.HumanDuration(now.Sub(oldest))+", but never restored: nobody knows that it works",
				"on a quiet day, delete the pod and the claim of one broker whose partitions have other replicas, and check that it comes back"))
		}
	}
	return unless(findings, ok("", "no cluster has been backed up for long without a restore"))
}

func checkDialects(ctx context.Context, e *examination) ([]Finding, error) {
	var list corev1.PersistentVolumeClaimList
	if err := e.List(ctx, &list, client.InNamespace(e.namespace)); err != nil {
		return nil, fmt.Errorf("list the claims: %w", err)
	}
	return judgeDialects(e.inventory.Volumes, list.Items), nil
}

// judgeDialects returns the dialect of each claim of a broker, and warns of claims
// that look like Kafka's but are in no dialect.
func judgeDialects(volumes []inventory.Volume, claims []corev1.PersistentVolumeClaim) []Finding {
	known := map[client.ObjectKey]bool{}
	var findings, unknown []Finding
	for n := range volumes {
		v := &volumes[n]
		for _, pvc := range v.Claims {
			known[client.ObjectKeyFromObject(pvc)] = true
			findings = append(findings, ok("Claim "+pvc.Namespace+"/"+pvc.Name, "dialect %s: volume %s of Kafka cluster %s, %s", v.Dialect, v.Slot, v.Cluster, v.Role.Words()))
		}
	}
	for n := range claims {
		pvc := &claims[n]
		if known[client.ObjectKeyFromObject(pvc)] || !looksLikeKafka(pvc) {
			continue
		}
		unknown = append(unknown, warning("Claim "+pvc.Namespace+"/"+pvc.Name, "it looks like a claim of Kafka, but Snapback does not recognise it: it is neither backed up nor restored",
			fmt.Sprintf("set the labels %s=CLUSTER and %s=ID where it is created, or select it by spec.volumeSelector of a KafkaBackup", v1alpha1.LabelCluster, v1alpha1.LabelBroker)))
	}
	return unless(append(unknown, findings...), ok("", "no claim looks like a broker's"))
}

// looksLikeKafka reports whether the name or the labels hint at Kafka. It is false
// for claims that a dialect recognises as something else.
func looksLikeKafka(pvc *corev1.PersistentVolumeClaim) bool {
	for _, d := range snapshots.Dialects() {
		if d.Matches(pvc.Labels) {
			return false
		}
	}
	text := pvc.Name
	for key, value := range pvc.Labels {
		text += " " + key + " " + value
	}
	return strings.Contains(strings.ToLower(text), "kafka")
}
