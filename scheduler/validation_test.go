package scheduler_test

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestRejectedAtApply asks the apiserver about specs that CEL can judge.
func TestRejectedAtApply(t *testing.T) {
	f := newFixture(t)
	spec := func(change func(*v1alpha1.KafkaBackupSpec)) *v1alpha1.KafkaBackup {
		return snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(f.namespace).Spec(change).Obj()
	}
	schedule := func(s string) *v1alpha1.KafkaBackup {
		return spec(func(k *v1alpha1.KafkaBackupSpec) { k.Schedule = s })
	}
	zone := func(s string) *v1alpha1.KafkaBackup {
		return spec(func(k *v1alpha1.KafkaBackupSpec) { k.TimeZone = s })
	}
	retention := func(s string) *v1alpha1.KafkaBackup {
		return spec(func(k *v1alpha1.KafkaBackupSpec) { k.RetentionTime = s })
	}
	selector := func(r metav1.LabelSelectorRequirement) *v1alpha1.KafkaBackup {
		return spec(func(k *v1alpha1.KafkaBackupSpec) {
			k.VolumeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{r}}
		})
	}
	tests := map[string]struct {
		backup *v1alpha1.KafkaBackup
		says   string // empty: accepted
	}{
		"every hour":         {backup: schedule("@every 1h")},
		"every 1h30m":        {backup: schedule("@every 1h30m")},
		"hourly":             {backup: schedule("@hourly")},
		"cron":               {backup: schedule("*/15 2-6,22 1 JAN-MAR mon")},
		"no schedule":        {schedule(""), "schedule"},
		"words":              {schedule("every hour"), "must have 5 fields"},
		"six fields":         {schedule("0 0 * * * *"), "must have 5 fields"},
		"zone in schedule":   {schedule("TZ=UTC 0 * * * *"), "must have 5 fields"},
		"signs":              {schedule("0 $ * * *"), "a cron field holds"},
		"unknown descriptor": {schedule("@fortnightly"), "unknown descriptor"},
		"every nothing":      {schedule("@every "), "@every needs a duration"},
		"every negative":     {schedule("@every -1h"), "@every needs a duration"},
		"every millisecond":  {schedule("@every 1ms"), "@every needs a duration"},
		"zone":               {backup: zone("Europe/Budapest")},
		"UTC":                {backup: zone("UTC")},
		"unknown zone":       {zone("Europe/Atlantis"), "timeZone"},
		"the pod's zone":     {zone("Local"), "must be an IANA time zone name"},
		"offset for a zone":  {zone("+01:00"), "must be an IANA time zone name"},
		"retention":          {backup: retention("2h45m")},
		"negative retention": {retention("-12h"), "must be a positive duration"},
		"zero retention":     {retention("0s"), "must be a positive duration"},
		"retention in days":  {retention("7d"), "must be a positive duration"},
		"retention of one":   {spec(func(k *v1alpha1.KafkaBackupSpec) { k.RetentionCount = ptrTo(int32(1)) }), "retentionCount"},
		"negative deadline":  {spec(func(k *v1alpha1.KafkaBackupSpec) { k.StartingDeadlineSeconds = ptrTo(int64(-1)) }), "startingDeadlineSeconds"},
		"a long deadline":    {spec(func(k *v1alpha1.KafkaBackupSpec) { k.StartingDeadlineSeconds = ptrTo(int64(1e10)) }), "startingDeadlineSeconds"},
		"selector":           {backup: selector(metav1.LabelSelectorRequirement{Key: "app", Operator: "In", Values: []string{"a"}})},
		"selector operator":  {selector(metav1.LabelSelectorRequirement{Key: "app", Operator: "Has"}), "an operator is In or NotIn"},
		"selector values":    {selector(metav1.LabelSelectorRequirement{Key: "app", Operator: "In"}), "an operator is In or NotIn"},
		"no cluster":         {spec(func(k *v1alpha1.KafkaBackupSpec) { k.ClusterRef = "" }), "clusterRef"},
		"no class":           {spec(func(k *v1alpha1.KafkaBackupSpec) { k.VolumeSnapshotClassName = "" }), "volumeSnapshotClassName"},
		"promoteAfter":       {spec(func(k *v1alpha1.KafkaBackupSpec) { k.PromoteAfter = "soon" }), "must be a positive duration"},
		"long promotion":     {spec(func(k *v1alpha1.KafkaBackupSpec) { k.PromoteAfter = "9999999h" }), "must be a positive duration"},
		"a long name":        {spec(func(k *v1alpha1.KafkaBackupSpec) { k.ClusterRef = strings.Repeat("x", 254) }), "253"},
		"a long schedule":    {schedule("@every " + strings.Repeat("1m", 100)), "128"},
		"a long retention":   {retention(strings.Repeat("1h", 17)), "32"},
		"a long zone":        {zone("Europe/" + strings.Repeat("x", 64)), "64"},
		"brokers": {backup: spec(func(k *v1alpha1.KafkaBackupSpec) {
			k.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "a:9092, [fd00::1]:1", TLS: &v1alpha1.KafkaTLS{}}
		})},
		"a port too high": {spec(func(k *v1alpha1.KafkaBackupSpec) { k.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "a:65536"} }), "must be host:port"},
		"a mechanism": {spec(func(k *v1alpha1.KafkaBackupSpec) {
			k.Kafka = &v1alpha1.KafkaAccess{SASL: &v1alpha1.KafkaSASL{Mechanism: "GSSAPI", Secret: "a"}}
		}), "kafka.sasl.mechanism"},
		"two mistakes": {spec(func(k *v1alpha1.KafkaBackupSpec) { k.Schedule, k.RetentionCount = "hourly", ptrTo(int32(1)) }),
			"retentionCount"},
	}
	for name, test := range tests {
		err := f.client.Create(t.Context(), test.backup, client.DryRunAll)
		if test.says == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if test.says != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: want it rejected with %q, got %v", name, test.says, err)
		}
		_, mistake := snapshots.KafkaBackupOfConfigMap(snapshotstest.ConfigMapOf(test.backup))
		if (mistake != nil) != (test.says != "") || mistake != nil && !strings.Contains(mistake.Error(), test.says) {
			t.Errorf("%s: want the ConfigMap form told %q, got %v", name, test.says, mistake)
		}
		toldAlike(t, name, err, mistake)
	}
}

// toldAlike compares the apiserver's refusal with the mistakes that are reported
// for the same spec in a ConfigMap: the fields and the words must be the same.
func toldAlike(t *testing.T, name string, refusal, mistake error) {
	t.Helper()
	fields := map[string]string{} // what the apiserver says of each
	var status apierrors.APIStatus
	if errors.As(refusal, &status) && status.Status().Details != nil {
		for _, c := range status.Status().Details.Causes {
			if c.Field != "<nil>" { // it says only that some rules were not checked
				fields[c.Field] += c.Message + "\n"
			}
		}
	}
	told := map[string]bool{}
	if mistake != nil {
		for line := range strings.Lines(mistake.Error()) {
			field, words, _ := strings.Cut(strings.TrimSpace(line), ": ")
			told[field] = true
			if !strings.Contains(fields[field], words) {
				t.Errorf("%s: of %s the apiserver says %q, the ConfigMap form is told %q", name, field, fields[field], words)
			}
		}
	}
	for field := range fields {
		if !told[field] {
			t.Errorf("%s: the ConfigMap form is not told of %s: %v", name, field, mistake)
		}
	}
}

// TestReportedMistakes has mistakes that only the scheduler can find, beside a
// KafkaBackup that goes on.
func TestReportedMistakes(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	f.start()
	tests := map[string]struct {
		change func(*v1alpha1.KafkaBackupSpec)
		reason string
		says   string
	}{
		"minute": {func(s *v1alpha1.KafkaBackupSpec) { s.Schedule = "99 * * * *" }, "InvalidSpec", "spec.schedule"},
		"never":  {func(s *v1alpha1.KafkaBackupSpec) { s.Schedule = "0 0 30 2 *" }, "InvalidSpec", "no such day"},
		"class":  {func(s *v1alpha1.KafkaBackupSpec) { s.VolumeSnapshotClassName = "none" }, "VolumeSnapshotClassNotFound", `there is no VolumeSnapshotClass "none"`},
		"empty":  {func(s *v1alpha1.KafkaBackupSpec) { s.ClusterRef = "none" }, "NoVolumes", `Kafka cluster "none"`},
	}
	for name, test := range tests {
		kb := f.backup(snapshotstest.NewBackup(name, "kafka", cluster.SnapshotClass).Spec(test.change))
		status := f.until(kb, name, func(s v1alpha1.KafkaBackupStatus) bool { return ready(s).Status == metav1.ConditionFalse })
		if c := ready(status); c.Reason != test.reason || !strings.Contains(c.Message, test.says) {
			t.Errorf("%s: %s: %s", name, c.Reason, c.Message)
		}
	}
	f.runNext(f.backup(snapshotstest.NewBackup("well", "kafka", cluster.SnapshotClass)))
}
