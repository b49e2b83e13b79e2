package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// HistoryEntry is one thing that Snapback has decided or done: a line of the log
// stream "history", and of the ConfigMap that [HistoryName] names. Fields are added,
// and none is renamed or removed. docs/history.md tells of each.
type HistoryEntry struct {
	ID          string       `json:"id"`   // the same for the same entry, however often it is written
	Time        metav1.Time  `json:"time"` // of the first one, if it stands for several
	Kind        HistoryKind  `json:"kind"`
	Reason      string       `json:"reason,omitempty"` // why: a [Reason], a [HistoryRule] or a reason of a condition
	Namespace   string       `json:"namespace"`
	Cluster     string       `json:"cluster,omitempty"`
	Volume      string       `json:"volume,omitempty"` // the slot
	Claim       string       `json:"claim,omitempty"`  // its generateName, if it had no name yet
	ClaimUID    string       `json:"claimUID,omitempty"`
	Admission   string       `json:"admission,omitempty"` // UID of the AdmissionReview; of the last one, if it stands for several
	Snapshot    string       `json:"snapshot,omitempty"`
	SnapshotUID string       `json:"snapshotUID,omitempty"`
	Run         string       `json:"run,omitempty"` // of the snapshot, as in its label
	Backup      string       `json:"backup,omitempty"`
	Actor       string       `json:"actor"`     // the user who created the claim, else "snapback"
	Component   string       `json:"component"` // webhook or scheduler
	Message     string       `json:"message,omitempty"`
	Count       int          `json:"count,omitempty"` // how many it stands for, if more than one
	Last        *metav1.Time `json:"last,omitempty"`  // time of the last one then
}

// HistoryKind is what was decided or done.
type HistoryKind string

// The kinds: docs/history.md tells of each.
const (
	HistoryRestored     HistoryKind = "Restored"
	HistoryRefused      HistoryKind = "Refused"
	HistoryStartedEmpty HistoryKind = "StartedEmpty"
	HistoryVerified     HistoryKind = "Verified"
	HistoryFound        HistoryKind = "Found"
	HistoryPruned       HistoryKind = "Pruned"
	HistoryPromoted     HistoryKind = "Promoted"
	HistoryAbandoned    HistoryKind = "Abandoned"
	HistoryPinRemoved   HistoryKind = "PinRemoved"
)

// HistoryKinds lists all kinds.
var HistoryKinds = []HistoryKind{HistoryRestored, HistoryRefused, HistoryStartedEmpty, HistoryVerified, HistoryFound, HistoryPruned, HistoryPromoted, HistoryAbandoned, HistoryPinRemoved}

// HistoryRule is the rule by which a snapshot was pruned.
type HistoryRule string

// The rules: docs/history.md tells of each.
const (
	RuleRetentionTime  HistoryRule = "RetentionTime"
	RuleRetentionCount HistoryRule = "RetentionCount"
	RuleFailed         HistoryRule = "Failed"
	RuleClaimGone      HistoryRule = "ClaimGone"
)

// HistoryRules lists all rules.
var HistoryRules = []HistoryRule{RuleRetentionTime, RuleRetentionCount, RuleFailed, RuleClaimGone}

const (
	// LabelHistory marks the ConfigMap with the history of a Kafka cluster, with the
	// value "true". Without it, Snapback leaves a ConfigMap of that name alone.
	LabelHistory = Domain + "history"

	// HistoryPrefix begins the names of these ConfigMaps.
	HistoryPrefix = "snapback-history-"
)

// HistoryName returns the name of the ConfigMap with the history of a Kafka cluster.
// A name that no ConfigMap can have is replaced by its hash; the full one is in the
// annotation [AnnotationClusterName].
func HistoryName(cluster string) string {
	const hashed = 16
	if name := HistoryPrefix + cluster; len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	sum := sha256.Sum256([]byte(cluster))
	return HistoryPrefix + hex.EncodeToString(sum[:])[:hashed]
}
