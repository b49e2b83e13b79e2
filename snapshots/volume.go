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

// Quorum reports whether volumes of this role hold votes: restoring one of
// them from the past can lose what the quorum has agreed on.
func (r Role) Quorum() bool {
	return r == RoleController || r == RoleCombined || r == RoleZooKeeper
}

// kind is the quorum that a role votes in: KRaft's and ZooKeeper's are two, also
// while a cluster moves from one to the other. Other roles vote in none.
func (r Role) kind() string {
	switch r {
	case RoleController, RoleCombined:
		return "KRaft"
	case RoleZooKeeper:
		return "ZooKeeper"
	}
	return ""
}

// strictness orders roles by how much a wrong restore of their volumes can
// destroy.
func (r Role) strictness() int {
	return slices.Index([]Role{RoleController, RoleZooKeeper, RoleCombined}, r)
}

// Words is what people call a node of the role.
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

// RoleOf is the role of a node that has these KRaft roles; without any it is a
// broker's, from before KRaft.
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

// Volume is a broker volume: one log dir of one broker, the thing that
// survives while PVCs and PVs come and go.
type Volume struct {
	Namespace string
	Cluster   string // name of the Kafka cluster
	Slot      string // which volume of the cluster, stable through recreations
	Broker    string // which node of the cluster: its disks have this in common
	Role      Role
	Dialect   string // name of the [Dialect] that knew it; empty: any of those without keys of their own

	// RoleSaid says that the operator, or a person, has said the role. Where
	// nobody has, it is a guess, and the newest snapshot may know better.
	RoleSaid bool

	// Memory is what the operator remembers of the volume.
	Memory Memory

	// Labels are those of the PVC's own labels that identify it, for people
	// who look for snapshots with kubectl -l brokerId=2.
	Labels map[string]string

	// Peers are the labels that all claims of the cluster have.
	Peers map[string]string

	// Node are the labels that all claims of the broker have, where
	// GeneratedName says that they must be looked for.
	Node map[string]string

	// GeneratedName says that the operator lets the apiserver name its claims:
	// two of them can be of one volume.
	GeneratedName bool

	ClusterUID     string // of the operator's custom resource; empty: unknown
	KafkaClusterID string // Kafka's cluster.id; empty: unknown
}

// Key names the volume in full. Two volumes never share one: not even one of
// Strimzi's and one of a chart that moved to it, whose claims have one name.
func (v Volume) Key() string {
	owner := ""
	if v.dialect().ownKeys {
		owner = v.Dialect
	}
	// Only the slot can hold a newline, and stays in the last field.
	return strings.Join([]string{owner, v.Namespace, v.Cluster, v.Slot}, "\n")
}

// Hash is the key as a label value: 32 hexadecimal characters.
func (v Volume) Hash() string {
	return hash(v.Key(), 32)
}

// Stricter is the volume with the role of its newest snapshot where nobody has
// said the role and that one is the stricter: a controller whose node pool is
// not there yet must not be taken for a broker. all are the volume's snapshots.
func (v Volume) Stricter(all []Snapshot) Volume {
	if candidates := Candidates(all); !v.RoleSaid && len(candidates) > 0 && candidates[0].Role.strictness() > v.Role.strictness() {
		v.Role = candidates[0].Role
	}
	return v
}

// String is how people read a volume: namespace/cluster/slot.
func (v Volume) String() string {
	return v.Namespace + "/" + v.Cluster + "/" + v.Slot
}

func hash(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:n])
}
