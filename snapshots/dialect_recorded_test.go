package snapshots_test

import (
	"cmp"
	"path/filepath"
	"testing"

	"github.com/snapback-dev/snapback/snapshots"
)

// recorded says of each document of testdata/pvcs, by its name or
// generateName, which volume it is. No dialect: no broker volume.
type recorded struct {
	name    string
	dialect string
	cluster string
	slot    string
	role    snapshots.Role
}

// recordedVolumes is by file. Strimzi's labels tell no role: the claims of its
// controllers and combined nodes count as brokers'.
var recordedVolumes = map[string][]recorded{
	"recorded-koperator.yaml": {
		{"kafka-0-storage-0-", "koperator", "kafka", "0:/kafka-logs", snapshots.RoleController},
		{"kafka-1-storage-0-", "koperator", "kafka", "1:/kafka-logs", snapshots.RoleBroker},
		{"kafka-2-storage-0-", "koperator", "kafka", "2:/kafka-logs", snapshots.RoleBroker},
		{"kafka-2-storage-1-", "koperator", "kafka", "2:/kafka-logs-2", snapshots.RoleBroker},
		{"kafka-3-storage-0-", "koperator", "kafka", "3:/kafka-logs", snapshots.RoleCombined},
		{"kafka-4-storage-0-", "koperator", "kafka", "4:/kafka-logs", snapshots.RoleCombined},
	},
	"koperator-single-disk.yaml": {
		{"kafka-0-storage-0-", "koperator", "kafka", "0:/kafka-logs", snapshots.RoleBroker},
		{"kafka-0-storage-0-x7k2p", "koperator", "kafka", "0:/kafka-logs", snapshots.RoleBroker},
		{"kafka-1-storage-0-", "koperator", "kafka", "1:/kafka-logs", snapshots.RoleBroker},
		{"kafka-3-storage-0-", "koperator", "kafka", "3:/kafka-logs", snapshots.RoleController},
		{"kafka-4-storage-0-", "koperator", "kafka", "4:/kafka-logs", snapshots.RoleCombined},
	},
	"koperator-jbod.yaml": {
		{"kafka-2-storage-0-", "koperator", "kafka", "2:/kafka-logs", snapshots.RoleBroker},
		{"kafka-2-storage-1-", "koperator", "kafka", "2:/kafka-logs-2", snapshots.RoleBroker},
		{"kafka-2-storage-2-", "koperator", "kafka", "2:/kafka-logs-3", snapshots.RoleBroker},
	},
	"koperator-legacy-2020.yaml": {
		{"kafka-2-storagetngcc", "koperator", "kafka", "2:/kafka-logs", snapshots.RoleBroker},
	},
	"recorded-strimzi.yaml": {
		{"data-0-my-cluster-broker-0", "strimzi", "my-cluster", "data-0-my-cluster-broker-0", snapshots.RoleBroker},
		{"data-1-my-cluster-broker-0", "strimzi", "my-cluster", "data-1-my-cluster-broker-0", snapshots.RoleBroker},
		{"data-0-my-cluster-controller-2", "strimzi", "my-cluster", "data-0-my-cluster-controller-2", snapshots.RoleBroker},
		{"data-single-combined-0", "strimzi", "single", "data-single-combined-0", snapshots.RoleBroker},
		{"data-0-owned-combined-owned-0", "strimzi", "owned", "data-0-owned-combined-owned-0", snapshots.RoleBroker},
		{"data-0-my-cluster-broker-0", "strimzi", "my-cluster", "data-0-my-cluster-broker-0", snapshots.RoleBroker},
	},
	"strimzi-controller-only.yaml": {
		{"data-0-my-cluster-controller-0", "strimzi", "my-cluster", "data-0-my-cluster-controller-0", snapshots.RoleBroker},
		{"data-0-my-cluster-controller-1", "strimzi", "my-cluster", "data-0-my-cluster-controller-1", snapshots.RoleBroker},
		{"data-0-my-cluster-controller-2", "strimzi", "my-cluster", "data-0-my-cluster-controller-2", snapshots.RoleBroker},
	},
	"strimzi-dual-role.yaml": {
		{"data-0-my-cluster-dual-role-0", "strimzi", "my-cluster", "data-0-my-cluster-dual-role-0", snapshots.RoleBroker},
		{"data-other-cluster-dual-role-0", "strimzi", "other-cluster", "data-other-cluster-dual-role-0", snapshots.RoleBroker},
	},
	"strimzi-kraft-jbod-broker.yaml": {
		{"data-0-my-cluster-broker-3", "strimzi", "my-cluster", "data-0-my-cluster-broker-3", snapshots.RoleBroker},
		{"data-1-my-cluster-broker-3", "strimzi", "my-cluster", "data-1-my-cluster-broker-3", snapshots.RoleBroker},
		{"data-0-my-cluster-broker-4", "strimzi", "my-cluster", "data-0-my-cluster-broker-4", snapshots.RoleBroker},
		{"data-0-my-cluster-broker-5", "strimzi", "my-cluster", "data-0-my-cluster-broker-5", snapshots.RoleBroker},
	},
	"strimzi-zk-zookeeper.yaml": {
		{"data-my-cluster-zookeeper-0", "strimzi", "my-cluster", "data-my-cluster-zookeeper-0", snapshots.RoleZooKeeper},
		{"data-my-cluster-zookeeper-1", "strimzi", "my-cluster", "data-my-cluster-zookeeper-1", snapshots.RoleZooKeeper},
	},
	"statefulset-plain.yaml": {
		{"data-kafka-0", "statefulset", "kafka", "data-kafka-0", snapshots.RoleBroker},
		{"data-1-kafka-0", "statefulset", "kafka", "data-1-kafka-0", snapshots.RoleBroker},
		{"data-kafka-1", "statefulset", "kafka", "data-kafka-1", snapshots.RoleBroker},
	},
	"bitnami-broker.yaml": {
		{"data-prod-kafka-broker-2", "bitnami", "prod", "data-prod-kafka-broker-2", snapshots.RoleBroker},
		{"data-prod-kafka-broker-1", "bitnami", "prod", "data-prod-kafka-broker-1", snapshots.RoleBroker},
		{"data-kafka-broker-0", "bitnami", "kafka", "data-kafka-broker-0", snapshots.RoleBroker},
	},
	"bitnami-controller-eligible.yaml": {
		{"data-prod-kafka-controller-0", "bitnami", "prod", "data-prod-kafka-controller-0", snapshots.RoleCombined},
		{name: "logs-prod-kafka-controller-0"},
	},
	"redpanda.yaml": {
		{name: "datadir-redpanda-0"},
		{name: "tiered-storage-dir-redpanda-0"},
	},
}

func TestRecordedClaims(t *testing.T) {
	for file, documents := range recordedVolumes {
		t.Run(file, func(t *testing.T) {
			claims := recordedClaims(t, file)
			if len(claims) != len(documents) {
				t.Fatalf("%d documents, want %d", len(claims), len(documents))
			}
			for i, want := range documents {
				pvc := claims[i]
				if name := cmp.Or(pvc.Name, pvc.GenerateName); name != want.name {
					t.Errorf("document %d is %s, want %s", i, name, want.name)
				}
				v, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
				if got := (recorded{want.name, v.Dialect, v.Cluster, v.Slot, v.Role}); got != want {
					t.Errorf("document %d: got %+v, want %+v", i, got, want)
				}
				if want.dialect != "" && v.Namespace != pvc.Namespace {
					t.Errorf("document %d: namespace %q, want %q", i, v.Namespace, pvc.Namespace)
				}
			}
		})
	}
}

func TestEveryRecordedFileIsRead(t *testing.T) {
	files, err := filepath.Glob("testdata/pvcs/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(recordedVolumes) {
		t.Errorf("%d files in testdata/pvcs, %d in the table", len(files), len(recordedVolumes))
	}
	for _, file := range files {
		if _, ok := recordedVolumes[filepath.Base(file)]; !ok {
			t.Errorf("%s is not in the table", file)
		}
	}
}

// Each dialect is an entry of the webhook configuration: two that match would
// be two calls for one claim.
func TestRecordedClaimMatchesOneDialectAtMost(t *testing.T) {
	for file, documents := range recordedVolumes {
		for i, pvc := range recordedClaims(t, file) {
			var matching []string
			for _, d := range snapshots.Dialects() {
				if d.Matches(pvc.Labels) {
					matching = append(matching, d.Name)
				}
			}
			want := documents[i].dialect
			if len(matching) > 1 || want != "" && (len(matching) == 0 || matching[0] != want) {
				t.Errorf("%s, document %d matches %q, want %q alone", file, i, matching, want)
			}
		}
	}
}

func TestRecordedVolumesHaveHashesOfTheirOwn(t *testing.T) {
	type identity struct{ namespace, cluster, slot string }
	byHash, byIdentity := map[string]identity{}, map[identity]string{}
	for file := range recordedVolumes {
		for _, pvc := range recordedClaims(t, file) {
			v, ok := snapshots.Identify(pvc.Namespace, pvc, nil)
			if !ok {
				continue
			}
			id := identity{v.Namespace, v.Cluster, v.Slot}
			if other, seen := byHash[v.Hash()]; seen && other != id {
				t.Errorf("%v and %v share hash %s", id, other, v.Hash())
			}
			if other, seen := byIdentity[id]; seen && other != v.Hash() {
				t.Errorf("%v has hashes %s and %s", id, other, v.Hash())
			}
			byHash[v.Hash()], byIdentity[id] = id, v.Hash()
		}
	}
}

func TestRecordedKoperatorClaimNamesItsCluster(t *testing.T) {
	v, _ := snapshots.Identify("kafka-kop", recordedClaims(t, "recorded-koperator.yaml")[0], nil)
	if want := "183ec68a-234f-4a25-a89b-ce813d971864"; v.ClusterUID != want {
		t.Errorf("cluster uid %q, want %q", v.ClusterUID, want)
	}
	// An owner that is a StatefulSet or a node pool is not the cluster.
	for _, file := range []string{"statefulset-plain.yaml", "strimzi-kraft-jbod-broker.yaml"} {
		v, _ := snapshots.Identify("kafka", recordedClaims(t, file)[2], nil)
		if v.ClusterUID != "" {
			t.Errorf("%s: cluster uid %q, want none", file, v.ClusterUID)
		}
	}
}
