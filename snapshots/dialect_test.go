package snapshots_test

import (
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func recommendedClaim(name string) *snapshotstest.Claim {
	return snapshotstest.PlainClaim(name).
		Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", "prod")
}

func confluent(name, kind string) *snapshotstest.Claim {
	return snapshotstest.PlainClaim(name).Label("confluent-platform", "true").Label("clusterId", "operator").Label("type", kind)
}

func charts(name, app string) *snapshotstest.Claim {
	return snapshotstest.PlainClaim(name).Label("app", app).Label("release", "prod")
}

func explicit(broker, volume string) *snapshotstest.Claim {
	c := snapshotstest.PlainClaim("disk").Label("snapback.dev/cluster", "events").Label("snapback.dev/broker", broker)
	if volume != "" {
		c.Label("snapback.dev/volume", volume)
	}
	return c
}

func TestIdentify(t *testing.T) {
	const broker = snapshots.RoleBroker
	koperator := func() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs") }
	strimzi := func() *snapshotstest.Claim { return snapshotstest.StrimziClaim("kafka", "brokers", 2, 0) }
	for _, test := range []struct {
		name    string
		claim   *snapshotstest.Claim
		dialect string // none: no broker volume
		cluster string
		slot    string
		role    snapshots.Role
	}{
		{"Koperator", koperator(), "koperator", "kafka", "2:/kafka-logs", broker},
		{"Koperator, stored", koperator().Named("kafka-2-storage-0-abcde"), "koperator", "kafka", "2:/kafka-logs", broker},
		{"Koperator, role broker", koperator().Label("pvcRoles", "broker"), "koperator", "kafka", "2:/kafka-logs", broker},
		{"Koperator, role controller", koperator().Label("pvcRoles", "controller"), "koperator", "kafka", "2:/kafka-logs", snapshots.RoleController},
		{"Koperator, controller twice", koperator().Label("pvcRoles", "controller_controller"), "koperator", "kafka", "2:/kafka-logs", snapshots.RoleController},
		{"Koperator, combined", koperator().Label("pvcRoles", "broker_controller"), "koperator", "kafka", "2:/kafka-logs", snapshots.RoleCombined},
		{"Koperator, combined in another order", koperator().Label("pvcRoles", "controller_broker_broker"), "koperator", "kafka", "2:/kafka-logs", snapshots.RoleCombined},
		{"Koperator with propagated labels", koperator().Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", "x"), "koperator", "kafka", "2:/kafka-logs", broker},
		{"Koperator without mountPath", koperator().Annotate("mountPath", ""), "", "", "", ""},
		{"Koperator without a cluster", koperator().Label("kafka_cr", ""), "", "", "", ""},
		{"Koperator without a broker id", koperator().Label("brokerId", ""), "", "", "", ""},

		{"Strimzi", strimzi(), "strimzi", "kafka", "data-0-kafka-brokers-2", broker},
		{"Strimzi, user adds app=kafka", strimzi().Label("app", "kafka"), "strimzi", "kafka", "data-0-kafka-brokers-2", broker},
		{"Strimzi, ZooKeeper", strimzi().Named("data-kafka-zookeeper-0").Label("strimzi.io/component-type", "zookeeper"), "strimzi", "kafka", "data-kafka-zookeeper-0", snapshots.RoleZooKeeper},
		{"Strimzi, Connect", strimzi().Label("strimzi.io/kind", "KafkaConnect"), "", "", "", ""},
		{"Strimzi, another component", strimzi().Label("strimzi.io/component-type", "kafka-exporter"), "", "", "", ""},
		{"Strimzi without a name", strimzi().Named(""), "", "", "", ""},
		{"Strimzi without a cluster", strimzi().Label("strimzi.io/cluster", ""), "", "", "", ""},

		{"StatefulSet", snapshotstest.StatefulSetClaim("kafka", 11), "statefulset", "kafka", "data-kafka-11", broker},
		{"StatefulSet without an ordinal", snapshotstest.StatefulSetClaim("kafka", 0).Named("data-kafka-x"), "", "", "", ""},
		{"StatefulSet without a template", snapshotstest.StatefulSetClaim("kafka", 0).Named("-0"), "", "", "", ""},
		{"StatefulSet without a name", snapshotstest.StatefulSetClaim("kafka", 0).Named(""), "", "", "", ""},
		{"StatefulSet of something else", snapshotstest.StatefulSetClaim("kafka", 0).Label("app", "zookeeper"), "", "", "", ""},

		{"recommended labels", recommendedClaim("data-prod-0"), "statefulset-recommended", "prod", "data-prod-0", broker},
		{"component kafka", recommendedClaim("data-prod-0").Label("app.kubernetes.io/component", "kafka"), "bitnami", "prod", "data-prod-0", broker},
		{"component broker", recommendedClaim("data-prod-0").Label("app.kubernetes.io/component", "broker"), "bitnami", "prod", "data-prod-0", broker},
		{"component controller", recommendedClaim("data-prod-0").Label("app.kubernetes.io/component", "controller"), "bitnami", "prod", "data-prod-0", snapshots.RoleController},
		{"component controller-eligible", recommendedClaim("data-prod-0").Label("app.kubernetes.io/component", "controller-eligible"), "bitnami", "prod", "data-prod-0", snapshots.RoleCombined},
		{"component provisioning", recommendedClaim("data-prod-0").Label("app.kubernetes.io/component", "provisioning"), "", "", "", ""},
		{"component metrics", recommendedClaim("data-prod-0").Label("app.kubernetes.io/component", "metrics"), "", "", "", ""},
		{"log4j files of a broker", recommendedClaim("logs-prod-0").Label("app.kubernetes.io/component", "broker"), "", "", "", ""},
		{"recommended labels, no ordinal", recommendedClaim("data-prod"), "", "", "", ""},
		{"controller-eligible, no ordinal", recommendedClaim("data-prod").Label("app.kubernetes.io/component", "controller-eligible"), "", "", "", ""},
		{"recommended labels, no instance", recommendedClaim("data-prod-0").Label("app.kubernetes.io/instance", ""), "", "", "", ""},
		{"another application", recommendedClaim("data-prod-0").Label("app.kubernetes.io/name", "redpanda"), "", "", "", ""},

		{"Bitnami's ZooKeeper", recommendedClaim("data-prod-zookeeper-0").Label("app.kubernetes.io/name", "zookeeper").Label("app.kubernetes.io/component", "zookeeper"), "bitnami", "prod", "data-prod-zookeeper-0", snapshots.RoleZooKeeper},

		{"Confluent", confluent("data0-kafka-1", "kafka"), "confluent", "operator", "data0-kafka-1", broker},
		{"Confluent, controller", confluent("data0-kraftcontroller-1", "kraftcontroller"), "confluent", "operator", "data0-kraftcontroller-1", snapshots.RoleController},
		{"Confluent, ZooKeeper", confluent("txnlog-zookeeper-1", "zookeeper"), "confluent", "operator", "txnlog-zookeeper-1", snapshots.RoleZooKeeper},
		{"Confluent, Connect", confluent("data0-connect-1", "connect"), "", "", "", ""},
		{"Confluent, class dummy", confluent("data0-kafka-1", "kafka").Class("dummy"), "", "", "", ""},
		{"cp-helm-charts", charts("datadir-0-prod-cp-kafka-2", "cp-kafka"), "cp-helm-charts", "prod", "datadir-0-prod-cp-kafka-2", broker},
		{"cp-helm-charts, ZooKeeper", charts("datalogdir-prod-cp-zookeeper-2", "cp-zookeeper"), "cp-helm-charts", "prod", "datalogdir-prod-cp-zookeeper-2", snapshots.RoleZooKeeper},
		{"cp-helm-charts, Schema Registry", charts("data-prod-cp-schema-registry-0", "cp-schema-registry"), "", "", "", ""},

		{"explicit", explicit("0", "a"), "explicit", "events", "0:a", broker},
		{"explicit, one disk", explicit("0", ""), "explicit", "events", "0:", broker},
		{"explicit, controller", explicit("0", "").Label("snapback.dev/role", "controller"), "explicit", "events", "0:", snapshots.RoleController},
		{"explicit, role misspelt", explicit("0", "").Label("snapback.dev/role", "Broker"), "explicit", "events", "0:", snapshots.RoleCombined},
		{"explicit, over an operator", koperator().Label("snapback.dev/cluster", "events").Label("snapback.dev/broker", "7"), "explicit", "events", "7:", broker},
		{"explicit, which volume is not said", snapshotstest.PlainClaim("disk").Label("snapback.dev/cluster", "events"), "", "", "", ""},

		{"Redpanda", snapshotstest.PlainClaim("datadir-redpanda-0").Label("app.kubernetes.io/name", "redpanda").Label("app.kubernetes.io/instance", "redpanda"), "", "", "", ""},
		{"Redpanda's cache", snapshotstest.PlainClaim("tiered-storage-dir-redpanda-0").Label("app.kubernetes.io/name", "redpanda"), "", "", "", ""},
		{"Prometheus beside Kafka", snapshotstest.PlainClaim("prometheus-db-prometheus-0").Label("app.kubernetes.io/name", "prometheus").Label("app.kubernetes.io/instance", "kafka"), "", "", "", ""},
		{"Cruise Control", strimzi().Label("strimzi.io/component-type", "cruise-control"), "", "", "", ""},
		{"MirrorMaker", strimzi().Label("strimzi.io/kind", "KafkaMirrorMaker2"), "", "", "", ""},

		{"no labels", snapshotstest.PlainClaim("data-kafka-0"), "", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			pvc := test.claim.Obj()
			pvc.Namespace = "" // as some API clients send it
			v, ok := snapshots.Identify("prod", pvc, nil)
			if ok != (test.dialect != "") {
				t.Fatalf("identified: %t, as %+v", ok, v)
			}
			got := [...]string{v.Namespace, v.Dialect, v.Cluster, v.Slot, string(v.Role)}
			want := [...]string{"prod", test.dialect, test.cluster, test.slot, string(test.role)}
			if !ok {
				want[0] = ""
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestRecreatedClaimIsTheSameVolume(t *testing.T) {
	first := identify(t, brokerClaim().Named("kafka-0-storage-0-x7k2p"))
	for name, claim := range map[string]*snapshotstest.Claim{
		"at admission":             brokerClaim(),
		"with another suffix":      brokerClaim().Named("kafka-0-storage-0-9qwer"),
		"at another list position": brokerClaim().Named("kafka-0-storage-3-9qwer"),
		"with other user labels":   brokerClaim().Label("team", "payments"),
		"of another size":          brokerClaim().Request("5Gi").Class("other"),
		"with its role labelled":   brokerClaim().Label("pvcRoles", "broker"),
	} {
		if v := identify(t, claim); v.Hash() != first.Hash() || v.Key() != first.Key() {
			t.Errorf("%s: %s has hash %s, want that of %s, %s", name, v, v.Hash(), first, first.Hash())
		}
	}
	for name, claim := range map[string]*snapshotstest.Claim{
		"another broker":    snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs"),
		"another disk":      snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs-2"),
		"another cluster":   snapshotstest.KoperatorClaim("kafka-2", 0, "/kafka-logs"),
		"another namespace": brokerClaim().In("staging"),
	} {
		if v := identify(t, claim); v.Hash() == first.Hash() || v.Key() == first.Key() {
			t.Errorf("%s: %s shares the hash of %s", name, v, first)
		}
	}
}

func TestVolumeLabelsAreThoseOfTheDialectAlone(t *testing.T) {
	for name, test := range map[string]struct {
		claim *snapshotstest.Claim
		want  map[string]string
	}{
		"Koperator": {
			snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs").Label("team", "payments").Label("app.kubernetes.io/instance", "kafka"),
			map[string]string{"kafka_cr": "kafka", "brokerId": "2"},
		},
		"Koperator with roles": {
			snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs").Label("pvcRoles", "controller"),
			map[string]string{"kafka_cr": "kafka", "brokerId": "2", "pvcRoles": "controller"},
		},
		"Strimzi": {
			snapshotstest.StrimziClaim("kafka", "brokers", 0, 0).Label("team", "payments"),
			map[string]string{"strimzi.io/cluster": "kafka", "strimzi.io/pool-name": "brokers", "strimzi.io/component-type": "kafka"},
		},
		"StatefulSet":        {snapshotstest.StatefulSetClaim("kafka", 0), nil},
		"recommended labels": {recommendedClaim("data-prod-0"), nil},
	} {
		if v := identify(t, test.claim); !maps.Equal(v.Labels, test.want) {
			t.Errorf("%s: labels %v, want %v", name, v.Labels, test.want)
		}
	}
}

// selecting returns a KafkaBackup of the cluster with the volumeSelector tier=value.
func selecting(t *testing.T, cluster, value string) snapshots.Backup {
	t.Helper()
	return parse(t, snapshotstest.NewBackup(cluster+"-hourly", cluster, "class").Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": value}}
	}))
}

func TestVolumeSelector(t *testing.T) {
	const none = ""
	gold, silver := selecting(t, "events", "gold"), selecting(t, "logs", "silver")
	elsewhere := gold
	elsewhere.Namespace = "staging"
	for _, test := range []struct {
		name    string
		claim   *snapshotstest.Claim
		backups []snapshots.Backup
		cluster string
		dialect string
	}{
		{"selected", snapshotstest.PlainClaim("disk").Label("tier", "gold"), []snapshots.Backup{silver, gold}, "events", "volumeSelector"},
		{"Pravega's ZooKeeper", snapshotstest.PlainClaim("data-zk-0").Label("tier", "gold").Label("app", "zk").Label("uid", "1"), []snapshots.Backup{gold}, "events", "volumeSelector"},
		{"Redpanda, although selected", snapshotstest.PlainClaim("datadir-redpanda-0").Label("tier", "gold").Label("app.kubernetes.io/name", "redpanda"), []snapshots.Backup{gold}, none, none},
		{"by the other one", snapshotstest.PlainClaim("disk").Label("tier", "silver"), []snapshots.Backup{gold, silver}, "logs", "volumeSelector"},
		{"by none", snapshotstest.PlainClaim("disk").Label("tier", "bronze"), []snapshots.Backup{gold, silver}, none, none},
		{"of another namespace", snapshotstest.PlainClaim("disk").Label("tier", "gold"), []snapshots.Backup{elsewhere}, none, none},
		{"no selector at all", snapshotstest.PlainClaim("disk").Label("tier", "gold"), []snapshots.Backup{parse(t, hourly())}, none, none},
		{"no backups", snapshotstest.PlainClaim("disk").Label("tier", "gold"), nil, none, none},
		{"no stable name", snapshotstest.PlainClaim("").Label("tier", "gold"), []snapshots.Backup{gold}, none, none},
		{"a dialect knows it", snapshotstest.StatefulSetClaim("kafka", 0).Label("tier", "gold"), []snapshots.Backup{gold}, "kafka", "statefulset"},
		{"a dialect knows that it is none", recommendedClaim("logs-prod-0").Label("tier", "gold"), []snapshots.Backup{gold}, none, none},
	} {
		t.Run(test.name, func(t *testing.T) {
			pvc := test.claim.Obj()
			v, ok := snapshots.Identify(pvc.Namespace, pvc, test.backups)
			if ok != (test.cluster != none) || v.Cluster != test.cluster || v.Dialect != test.dialect {
				t.Fatalf("got %t, cluster %q of dialect %q; want cluster %q of dialect %q", ok, v.Cluster, v.Dialect, test.cluster, test.dialect)
			}
			role := snapshots.RoleBroker
			if test.name == "Pravega's ZooKeeper" {
				role = snapshots.RoleZooKeeper
			}
			if ok && (v.Slot != pvc.Name || v.Namespace != pvc.Namespace || v.Role != role) {
				t.Errorf("got %+v, want a broker's volume with slot %s", v, pvc.Name)
			}
		})
	}
}
