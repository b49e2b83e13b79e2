package doctor

import (
	"errors"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var cluster = inventory.ClusterKey{Namespace: snapshotstest.Namespace, Name: "kafka"}

// backup reads a KafkaBackup that was created an hour ago.
func backup(b *snapshotstest.Backup) inventory.Backup {
	kb := b.Obj()
	kb.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	parsed, err := snapshots.NewBackup(kb)
	return inventory.Backup{KafkaBackup: kb, Parsed: parsed, Mistake: err}
}

func hourly() inventory.Backup { return backup(snapshotstest.NewBackup("b", "kafka", "csi")) }

func status(change func(*v1alpha1.KafkaBackupStatus)) inventory.Backup {
	b := hourly()
	b.Status.NextScheduleTime = ptr.To(metav1.NewTime(now.Add(time.Minute)))
	change(&b.Status)
	return b
}

// volume is a broker's volume with a claim that was created an hour ago.
func volume(t *testing.T, claim *snapshotstest.Claim, all ...snapshots.Snapshot) inventory.Volume {
	t.Helper()
	pvc := claim.Obj()
	if pvc.Name == "" {
		pvc.Name = pvc.GenerateName + "x"
	}
	pvc.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	v, known := snapshots.Identify(pvc.Namespace, pvc, nil)
	if !known {
		t.Fatal("no broker's claim")
	}
	return inventory.Volume{Volume: v, Claims: []*corev1.PersistentVolumeClaim{pvc}, Snapshots: all}
}

func broker() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs") }

func TestClasses(t *testing.T) {
	class := func(policy snapshotv1.DeletionPolicy) []snapshotv1.VolumeSnapshotClass {
		return []snapshotv1.VolumeSnapshotClass{{ObjectMeta: metav1.ObjectMeta{Name: "csi"}, Driver: "d", DeletionPolicy: policy}}
	}
	backups := []inventory.Backup{hourly()}
	want(t, judgeClasses(nil, nil, now), OK, "no backup needs a class")
	want(t, judgeClasses(backups, nil, now), Problem, `VolumeSnapshotClass "csi" does not exist`)
	want(t, judgeClasses(backups, class(snapshotv1.VolumeSnapshotContentDelete), now), Warning, "its deletionPolicy is Delete")
	want(t, judgeClasses(backups, class(snapshotv1.VolumeSnapshotContentRetain), now), OK, "driver d")
}

func TestVolumes(t *testing.T) {
	of := func(driver string, backups map[string]string) []backedUp {
		return []backedUp{{"kafka/c", driver, backups}}
	}
	want(t, judgeVolumes(of("d", map[string]string{"KafkaBackup b": "d"})), OK, "")
	want(t, judgeVolumes(of("", nil)), OK, "") // nobody wants it backed up
	want(t, judgeVolumes(of("", map[string]string{"KafkaBackup b": "d"})), Problem, "have no CSI driver, and cannot be snapshotted: kafka/c")
	want(t, judgeVolumes(of("e", map[string]string{"KafkaBackup b": "d"})), Problem, "KafkaBackup b: its VolumeSnapshotClass is of driver d, which cannot snapshot these volumes of driver e: kafka/c")
}

func TestCoverage(t *testing.T) {
	v := []inventory.Volume{volume(t, broker())}
	controller := []inventory.Volume{volume(t, broker().Label("pvcRoles", "controller"))}
	other := backup(snapshotstest.NewBackup("b", "other", "csi"))
	noQuorum := backup(snapshotstest.NewBackup("b", "kafka", "csi").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.ExcludeQuorum = true }))
	clusters := []inventory.ClusterKey{cluster}
	want(t, judgeCoverage(clusters, []inventory.Backup{hourly()}, v), OK, "")
	want(t, judgeCoverage(clusters, nil, v), Warning, "no KafkaBackup covers the volumes of these claims: kafka-0-storage-0-x")
	want(t, judgeCoverage(clusters, []inventory.Backup{noQuorum}, controller), Warning, "no KafkaBackup covers")
	want(t, judgeCoverage(nil, []inventory.Backup{other}, v), Warning, `none of Kafka cluster "other"`)
	if f := judgeCoverage(nil, []inventory.Backup{other}, v)[0]; f.Do != "set spec.clusterRef to one that exists: kafka" {
		t.Error(f.Do)
	}
	lost := volume(t, broker())
	lost.Claims = nil
	want(t, judgeCoverage(clusters, []inventory.Backup{hourly()}, []inventory.Volume{lost}), Warning, "it matches no claim")
}

func TestOptIn(t *testing.T) {
	clusters := []inventory.ClusterKey{cluster}
	want(t, judgeOptIn(clusters, nil, nil), OK, "")
	want(t, judgeOptIn(clusters, map[inventory.ClusterKey][]string{cluster: {"a"}}, nil), Warning, "come back empty: a")
	want(t, judgeOptIn(clusters, nil, map[inventory.ClusterKey]string{cluster: "claim a: wrong"}), Problem, "lost claims would be refused: claim a: wrong")
}

// TestRefusals has claims that are there, and would not be made again.
func TestRefusals(t *testing.T) {
	optedIn := snapshotstest.NewBackup("b", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
	found := func(claim *snapshotstest.Claim, b inventory.Backup, size string) []Finding {
		s, err := snapshots.NewSnapshot(snapshotstest.NewSnapshot(broker(), optedIn, "d", now).Ready().Size(size).Obj())
		if err != nil {
			t.Fatal(err)
		}
		inv := &inventory.Inventory{Backups: []inventory.Backup{b}, Volumes: []inventory.Volume{volume(t, claim, s)}}
		all, err := checkRefusals(t.Context(), &examination{inventory: inv, clock: &clock{}, local: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	undecided := backup(optedIn)
	undecided.Status.Conditions = []metav1.Condition{{Type: "QuorumUndecided", Status: metav1.ConditionTrue}}
	controller, combined := broker().Label("pvcRoles", "controller"), broker().Label("pvcRoles", "broker_controller")
	want(t, found(broker(), backup(optedIn), "1Gi"), OK, "")
	want(t, found(controller, backup(optedIn), "1Gi"), Problem, "if they were lost, these claims would be refused, QuorumUndecided: kafka-0-storage-0-x")
	want(t, found(combined, backup(optedIn), "1Gi"), Problem, "if they were lost, these claims would be refused, QuorumUndecided: kafka-0-storage-0-x")
	want(t, found(combined, undecided, "1Gi"), OK, "") // said by the condition
	want(t, found(broker(), backup(optedIn), "2Gi"), Problem, "lost, these claims would be refused, TooSmall: kafka-0-storage-0-x")
	want(t, found(broker().Annotate(v1alpha1.AnnotationRestore, "x"), backup(optedIn), "1Gi"), OK, "") // said by opt-in
}

func TestSnapshots(t *testing.T) {
	backups := []inventory.Backup{hourly()}
	read := func(s *snapshotstest.Snapshot) snapshots.Snapshot {
		got, err := snapshots.NewSnapshot(s.Obj())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	taken := func() *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(broker(), snapshotstest.NewBackup("b", "kafka", "csi"), "d", now.Add(-time.Minute))
	}
	of := func(backups []inventory.Backup, all ...snapshots.Snapshot) *inventory.Inventory {
		return &inventory.Inventory{Backups: backups, Volumes: []inventory.Volume{volume(t, broker(), all...)}}
	}
	want(t, judgeSnapshots(of(backups, read(taken().Ready()))), OK, "")
	want(t, judgeSnapshots(of(nil, read(taken()))), OK, "") // not covered, which is said elsewhere
	want(t, judgeSnapshots(of(backups, read(taken()))), Warning, "these claims have no snapshot yet")
	if f := judgeSnapshots(of(backups, read(taken())))[0]; f.Do != "wait for the next run, or ask for one now: kubectl snapback run b -n kafka" {
		t.Error(f.Do)
	}
	ran := []inventory.Backup{status(func(s *v1alpha1.KafkaBackupStatus) {
		s.LastScheduleTime = ptr.To(metav1.NewTime(now.Add(-time.Minute)))
	})}
	want(t, judgeSnapshots(of(ran, read(taken()))), Problem, "these claims have no good snapshot")
}

// TestGoodSnapshots has doctor tell of the snapshots that status and the metrics
// tell of.
func TestGoodSnapshots(t *testing.T) {
	for name, test := range snapshotstest.GoodCases(now) {
		var all []snapshots.Snapshot
		for _, s := range test.Snapshots {
			read, err := snapshots.NewSnapshot(s.Obj())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, read)
		}
		i := &inventory.Inventory{Backups: []inventory.Backup{hourly()}, Volumes: []inventory.Volume{volume(t, test.Claim, all...)}}
		if got := judgeSnapshots(i)[0].State == OK; got != (test.Good != nil) {
			t.Errorf("%s: all is well: %t", name, got)
		}
	}
}

func TestRestores(t *testing.T) {
	clusters := []inventory.ClusterKey{cluster}
	v := []inventory.Volume{volume(t, broker())}
	want(t, judgeRestores(clusters, nil, v, now), OK, "")
	want(t, judgeRestores(clusters, []inventory.Backup{hourly()}, v, now), Warning, "backed up for 60m, but never restored")
	restored := []inventory.Volume{volume(t, broker().Annotate(v1alpha1.AnnotationRestoredFrom, "s"))}
	want(t, judgeRestores(clusters, []inventory.Backup{hourly()}, restored, now), OK, "")
	said := status(func(s *v1alpha1.KafkaBackupStatus) { s.Restores = []v1alpha1.RestoreStatus{{}} })
	want(t, judgeRestores(clusters, []inventory.Backup{said}, v, now), OK, "")
}

func TestDialects(t *testing.T) {
	v := volume(t, broker())
	plain := snapshotstest.PlainClaim("data-0").Label("Team", "Kafka").Obj()
	connect := snapshotstest.PlainClaim("kafka-logs").Label("app", "kafka").Label("kafka_cr", "k").Label("brokerId", "1").Obj() // Koperator's, and no volume
	want(t, judgeDialects(nil, nil), OK, "no claim looks like")
	want(t, judgeDialects([]inventory.Volume{v}, []corev1.PersistentVolumeClaim{*v.Claim(), *connect}), OK, "dialect koperator: volume 0:/kafka-logs of Kafka cluster kafka, broker")
	want(t, judgeDialects([]inventory.Volume{v}, []corev1.PersistentVolumeClaim{*plain}), Warning, "/data-0: it looks like a claim of Kafka")
}

func TestBackup(t *testing.T) {
	condition := func(name string, is metav1.ConditionStatus, reason string) inventory.Backup {
		return status(func(s *v1alpha1.KafkaBackupStatus) {
			s.Conditions = []metav1.Condition{{Type: name, Status: is, Reason: reason, Message: "the\nmessage"}}
		})
	}
	mistaken := hourly()
	mistaken.Mistake = errors.New("spec.retentionTime is wrong")
	for name, c := range map[string]struct {
		b     inventory.Backup
		state State
		text  string
	}{
		"good": {status(func(s *v1alpha1.KafkaBackupStatus) {
			s.LastSuccessfulTime = ptr.To(metav1.NewTime(now.Add(-time.Hour)))
		}), OK, "it runs @every 1h; the last run that succeeded is of 60m ago"},
		"mistaken":    {mistaken, Problem, "not in force: spec.retentionTime is wrong"},
		"unplanned":   {hourly(), Problem, "has not planned"},
		"overdue":     {status(func(s *v1alpha1.KafkaBackupStatus) { s.NextScheduleTime = ptr.To(metav1.NewTime(now.Add(-time.Hour))) }), Problem, "was due 60m ago"},
		"suspended":   {backup(snapshotstest.NewBackup("b", "kafka", "csi").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true })), Warning, "it is suspended: no runs are made; the last one that succeeded is none"},
		"frozen":      {backup(snapshotstest.NewBackup("b", "kafka", "csi").Annotate(v1alpha1.AnnotationFreeze, "why")), Warning, `frozen, nothing is pruned: "why"`},
		"not ready":   {condition("Ready", metav1.ConditionFalse, "SnapshotFailed"), Problem, "not Ready, SnapshotFailed: the message"},
		"ready":       {condition("Ready", metav1.ConditionTrue, "Scheduled"), OK, ""},
		"unverified":  {condition("RestoresVerified", metav1.ConditionFalse, "X"), Problem, "not RestoresVerified"},
		"undecided":   {condition("QuorumUndecided", metav1.ConditionTrue, "CombinedNodes"), Warning, "QuorumUndecided, CombinedNodes: the message"},
		"intercepted": {condition("NotIntercepted", metav1.ConditionTrue, "NoEntryMatches"), OK, ""},
	} {
		t.Run(name, func(t *testing.T) { want(t, judgeBackup(c.b, now), c.state, c.text) })
	}
}
