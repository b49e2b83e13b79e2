package snapshots

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Role is what a Kafka node does with a volume.
type Role string

// The roles of Kafka nodes and of their ZooKeeper.
const (
	RoleBroker     Role = "broker"
	RoleController Role = "controller" // a KRaft controller's metadata log
	RoleCombined   Role = "combined"   // a KRaft node that is broker and controller
	RoleZooKeeper  Role = "zookeeper"
)

// Quorum reports whether volumes of this role hold votes: a restore of one of
// them to an old state can lose what the quorum has agreed on.
func (r Role) Quorum() bool {
	return r == RoleController || r == RoleCombined || r == RoleZooKeeper
}

// HoldsTopics reports whether nodes of the role hold records of topics.
func (r Role) HoldsTopics() bool { return r == RoleBroker || r == RoleCombined }

// kind returns the name of the quorum in which a role votes; empty: in none.
// KRaft's and ZooKeeper's are separate quorums, also while a cluster moves from
// one to the other.
func (r Role) kind() string {
	switch r {
	case RoleController, RoleCombined:
		return "KRaft"
	case RoleZooKeeper:
		return "ZooKeeper"
	}
	return ""
}

// strictness orders the roles by the damage that a wrong restore of their volumes
// can do.
func (r Role) strictness() int {
	return slices.Index([]Role{RoleController, RoleZooKeeper, RoleCombined}, r)
}

// Words returns the name that people use for a node of the role.
func (r Role) Words() string {
	switch r {
	case RoleController:
		return "KRaft controller"
	case RoleCombined:
		return "combined node"
	case RoleZooKeeper:
		return "ZooKeeper server"
	}
	return string(r)
}

// RoleOf returns the role of a node with these KRaft roles. Without any it is a
// broker, from the time before KRaft.
func RoleOf(roles []string) Role {
	switch {
	case !slices.Contains(roles, "controller"):
		return RoleBroker
	case slices.Contains(roles, "broker"):
		return RoleCombined
	default:
		return RoleController
	}
}

// Volume is a broker volume: one log dir of one node, the thing that survives
// while PVCs and PVs come and go.
type Volume struct {
	Namespace string
	Cluster   string // name of the Kafka cluster
	Slot      string // which volume of the cluster, stable through recreations
	Node      string // which node of the cluster; all disks of one node have the same
	Role      Role
	Dialect   string // name of the [Dialect] that identified it; empty: any dialect without keys of its own

	// RoleSaid says that the role comes from the operator or from a person.
	// Otherwise it is a guess, and the newest snapshot may know better.
	RoleSaid bool

	// Memory says what the operator remembers of the volume.
	Memory Memory

	// Labels are the labels of the PVC that identify it. They are for people who
	// look for snapshots with kubectl -l brokerId=2.
	Labels map[string]string

	// Peers are the labels that all claims of the cluster have.
	Peers map[string]string

	// NodeLabels are the labels that all claims of the broker have. They are set if
	// GeneratedName is, to look for another claim of the same volume.
	NodeLabels map[string]string

	// GeneratedName says that the operator lets the apiserver name its claims, so
	// that two claims can be of one volume.
	GeneratedName bool

	ClusterUID     string // UID of the operator's custom resource; empty: unknown
	KafkaClusterID string // Kafka's cluster.id; empty: unknown

	hashed string // see [Volume.Hashed]; empty: not remembered
}

// Key returns the full name of the volume. Two volumes never share a key, not even
// one of Strimzi and one of a chart from which people moved to Strimzi, whose
// claims have the same name.
func (v Volume) Key() string {
	owner := ""
	if v.dialect().ownKeys {
		owner = v.Dialect
	}
	// Only the slot can hold a newline, and stays in the last field.
	return strings.Join([]string{owner, v.Namespace, v.Cluster, v.Slot}, "\n")
}

// Hash returns a hash of the key as a label value: 32 hexadecimal characters.
func (v Volume) Hash() string {
	if v.hashed != "" {
		return v.hashed
	}
	return hash(v.Key(), 32)
}

// Hashed returns the volume with its hash remembered, for those who ask for it often.
// Its key must not change any more.
func (v Volume) Hashed() Volume {
	v.hashed = v.Hash()
	return v
}

// Stricter returns the volume with the role of its newest snapshot, if the own
// role is a guess and that one is stricter: a controller whose node pool does not
// exist yet must not be taken for a broker. all holds the volume's snapshots.
func (v Volume) Stricter(all []Snapshot) Volume {
	if v.RoleSaid {
		return v
	}
	if newest := Newest(all); newest != nil && newest.Role.strictness() > v.Role.strictness() {
		v.Role = newest.Role
	}
	return v
}

// String returns the volume as people read it: namespace/cluster/slot.
func (v Volume) String() string {
	return v.Namespace + "/" + v.Cluster + "/" + v.Slot
}

func hash(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:n])
}
