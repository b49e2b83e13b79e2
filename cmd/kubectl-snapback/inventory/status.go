package inventory

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Status is the state of one Kafka cluster's backups. Scripts read it as JSON, so
// its fields keep their names and meanings.
type Status struct {
	Namespace string         `json:"namespace"`
	Cluster   string         `json:"cluster"`
	Kafka     *KafkaStatus   `json:"kafka,omitempty"` // what would be lost if something broke now; nil: Kafka is not asked
	Problems  []Problem      `json:"problems"`        // the gravest first; none: all is well
	Backups   []BackupStatus `json:"backups"`
	Volumes   []VolumeStatus `json:"volumes"`
}

// BackupStatus is a KafkaBackup of the cluster.
type BackupStatus struct {
	Kind               string              `json:"kind"` // KafkaBackup or ConfigMap
	Name               string              `json:"name"`
	Schedule           string              `json:"schedule"`
	Suspended          bool                `json:"suspended"`
	Frozen             string              `json:"frozen,omitempty"` // the reason, if nothing is pruned
	LastRun            *v1alpha1.RunStatus `json:"lastRun,omitempty"`
	LastSuccessfulTime *metav1.Time        `json:"lastSuccessfulTime,omitempty"`
	NextScheduleTime   *metav1.Time        `json:"nextScheduleTime,omitempty"`
	Snapshots          int32               `json:"snapshots"`
	RestoreSize        *resource.Quantity  `json:"restoreSize,omitempty"` // what restores of all of them would fill
	Proof              *ProofStatus        `json:"proof,omitempty"`       // nil: no restore drills are asked for
}

// VolumeStatus is a broker volume of the cluster.
type VolumeStatus struct {
	Volume    string          `json:"volume"` // the slot
	Broker    string          `json:"broker"`
	Role      snapshots.Role  `json:"role"`
	Claims    []ClaimStatus   `json:"claims"`
	Newest    *SnapshotStatus `json:"newestGoodSnapshot,omitempty"`
	Snapshots int             `json:"snapshots"` // of any state
	Abandoned int             `json:"abandoned"` // snapshots that are newer than the one a restore used
	Unproven  int             `json:"unproven"`  // snapshots since the volume came back empty
	IfLost    IfLostStatus    `json:"ifLost"`
}

// ClaimStatus is a claim of a volume.
type ClaimStatus struct {
	Name        string                            `json:"name"`
	Phase       corev1.PersistentVolumeClaimPhase `json:"phase"`
	Terminating bool                              `json:"terminating,omitempty"`
	RestoreFrom string                            `json:"restoreFrom,omitempty"` // the VolumeSnapshot that it was or will be filled from
}

// SnapshotStatus is the newest good snapshot of a volume.
type SnapshotStatus struct {
	Name            string      `json:"name"`
	ScheduledTime   metav1.Time `json:"scheduledTime"`
	DataLossSeconds int64       `json:"dataLossSeconds"` // what would be lost if the volume died now
	Proven          bool        `json:"proven"`
}

// IfLostStatus is the decision about a claim of the volume that is created again.
type IfLostStatus struct {
	Outcome  v1alpha1.Outcome `json:"outcome"`
	Reason   v1alpha1.Reason  `json:"reason"`
	Snapshot string           `json:"snapshot,omitempty"`
	Message  string           `json:"message,omitempty"`
}

// Statuses returns the status of each cluster.
func (i *Inventory) Statuses(now time.Time) []Status {
	all := []Status{}
	for _, key := range i.Clusters() {
		s := Status{Namespace: key.Namespace, Cluster: key.Name, Problems: []Problem{}, Backups: []BackupStatus{}, Volumes: []VolumeStatus{}}
		var backups []Backup
		for _, b := range i.Backups {
			if b.Namespace == key.Namespace && b.Spec.ClusterRef == key.Name {
				backups = append(backups, b)
				s.Backups = append(s.Backups, b.status())
				s.Backups[len(s.Backups)-1].Proof = i.proof(b, now)
			}
		}
		s.Kafka = kafkaStatus(backups, now)
		around := i.neighbours(&Volume{Volume: snapshots.Volume{Namespace: key.Namespace, Cluster: key.Name}})
		for n := range i.Volumes {
			if v := &i.Volumes[n]; v.Namespace == key.Namespace && v.Cluster == key.Name {
				status := i.volumeStatus(v, around, now)
				s.Volumes = append(s.Volumes, status)
				s.Problems = append(s.Problems, volumeProblems(v, status, backups, now)...)
			}
		}
		s.Problems = arranged(append(s.Problems, backupProblems(backups, s.Volumes, now)...))
		all = append(all, s)
	}
	return all
}

func (b Backup) status() BackupStatus {
	s := BackupStatus{
		Kind: b.Kind(), Name: b.Name, Schedule: b.Spec.Schedule, Suspended: b.Spec.Suspend,
		LastRun: b.Status.LastRun, LastSuccessfulTime: b.Status.LastSuccessfulTime, NextScheduleTime: b.Status.NextScheduleTime,
		Snapshots: b.Status.Snapshots, RestoreSize: b.Status.RestoreSize,
	}
	if reason, frozen := b.Annotations[v1alpha1.AnnotationFreeze]; frozen {
		s.Frozen = cmp.Or(reason, "no reason given")
	}
	return s
}

// Result returns the result of the last run in words.
func (b BackupStatus) Result() string {
	run := b.LastRun
	if run == nil {
		return "no run yet"
	}
	said := []string{fmt.Sprintf("%d of %d ready", run.Ready, run.Volumes)}
	for _, part := range []struct {
		n    int32
		what string
	}{{run.Failed, "failed"}, {run.Skipped, "skipped"}, {run.Volumes - run.Ready - run.Failed - run.Skipped, "under way"}} {
		if part.n > 0 {
			said = append(said, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(said, ", ")
}

func (i *Inventory) volumeStatus(v *Volume, around snapshots.Neighbours, now time.Time) VolumeStatus {
	s := VolumeStatus{Volume: v.Slot, Broker: v.Node, Role: v.Role, Claims: []ClaimStatus{}, Snapshots: len(v.Snapshots)}
	for _, c := range v.Claims {
		s.Claims = append(s.Claims, ClaimStatus{c.Name, c.Status.Phase, c.DeletionTimestamp != nil, snapshots.SourceOf(c)})
	}
	for _, of := range v.Snapshots {
		switch v.State(of) {
		case StateAbandoned:
			s.Abandoned++
		case StateUnproven:
			s.Unproven++
		}
	}
	if good, ok := i.Good(v); ok {
		s.Newest = &SnapshotStatus{good.Name, metav1.Time{Time: good.Scheduled}, int64(now.Sub(good.Scheduled).Seconds()), v.Proven(good)}
	}
	d := i.ifLost(v, around, now)
	s.IfLost = IfLostStatus{d.Outcome, d.Reason, d.SnapshotName(), d.Message}
	return s
}
