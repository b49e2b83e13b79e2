package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// wanted is the KafkaBackup that the flags of create describe.
type wanted struct {
	spec             v1alpha1.KafkaBackupSpec
	retentionCount   int32
	startingDeadline int64
	volumeSelector   string
	restore          string
	restoreQuorum    string
	drill            v1alpha1.DrillSpec
	kafka            wantedKafka
	configMap        bool
}

const drillTimeoutFlag = "drill-timeout"

func (w *wanted) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.spec.ClusterRef, "cluster", "", "Name of the Kafka cluster")
	f.StringVar(&w.spec.VolumeSnapshotClassName, "snapshot-class", "", "Name of the VolumeSnapshotClass")
	f.StringVar(&w.spec.Schedule, "schedule", "", `When: five cron fields, @hourly, @daily, @weekly, @monthly, @yearly, or "@every 15m"`)
	f.StringVar(&w.spec.TimeZone, "time-zone", "", "IANA name of the zone of a cron schedule, such as Europe/Budapest (default UTC)")
	f.StringVar(&w.spec.Jitter, "jitter", "", "Window over which KafkaBackups with one schedule are spread, such as 10m (default 0)")
	f.StringVar(&w.spec.RetentionTime, "retention-time", "", "How long a snapshot is kept, such as 12h (default for ever)")
	f.Int32Var(&w.retentionCount, "retention-count", 0, "How many ready snapshots of a volume are kept, at least 2 (default all)")
	f.Int64Var(&w.startingDeadline, "starting-deadline-seconds", 0, "How late a missed run may start (default any time)")
	f.StringVar(&w.spec.PromoteAfter, "promote-after", "", "When the snapshots of a volume that came back empty count as good (default 24h)")
	f.BoolVar(&w.spec.ExcludeQuorum, "exclude-quorum", false, "Leave out the volumes of KRaft controllers and ZooKeeper")
	f.StringVar(&w.volumeSelector, "volume-selector", "", "Labels of the claims, such as app=kafka, where no operator that Snapback knows made them")
	f.StringVar(&w.restore, "restore", "", `"latest": restore lost claims; "off": never (default: as the claim or the namespace says, else never)`)
	f.StringVar(&w.restoreQuorum, "restore-quorum", "", `What a lost claim of a quorum gets: "true" (its snapshot) or "empty" (default: empty while the majority of its peers is there, else refused)`)
	f.BoolVar(&w.spec.Suspend, "suspend", false, "Start no runs yet")
	f.BoolVar(&w.configMap, "config-map", false, "Create the ConfigMap that holds the KafkaBackup, where there is no CRD")
	f.StringVar(&w.drill.Schedule, "drill", "", `When restore drills are due, written as --schedule: each volume in turn (default never; needs the component "drills")`)
	f.StringVar(&w.drill.Timeout, drillTimeoutFlag, "", "How long one drill may take, such as 30m (default 1h)")
	w.kafka.addTo(cmd)
	for _, name := range []string{"cluster", "snapshot-class", "schedule"} {
		_ = cmd.MarkFlagRequired(name) // it is there
	}
}

// kafkaBackup returns the object, without a namespace. changed reports whether a
// flag was given: for some flags zero is a valid value.
func (w *wanted) kafkaBackup(name string, changed func(flag string) bool) (*v1alpha1.KafkaBackup, error) {
	if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return nil, fmt.Errorf("name %q: %s", name, wrong[0])
	}
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: w.spec}
	kb.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaBackup"))
	if changed("retention-count") {
		kb.Spec.RetentionCount = &w.retentionCount
	}
	if changed("starting-deadline-seconds") {
		kb.Spec.StartingDeadlineSeconds = &w.startingDeadline
	}
	if w.volumeSelector != "" {
		selector, err := metav1.ParseToLabelSelector(w.volumeSelector)
		if err != nil {
			return nil, fmt.Errorf("--volume-selector: %w", err)
		}
		kb.Spec.VolumeSelector = selector
	}
	switch {
	case w.drill.Schedule != "":
		kb.Spec.Drill = &w.drill
	case changed(drillTimeoutFlag):
		return nil, fmt.Errorf("--%s: say with --drill when drills are due", drillTimeoutFlag)
	}
	kb.Spec.Kafka = w.kafka.spec(changed)
	for flag, value := range map[string]string{"restore": w.restore, "restore-quorum": w.restoreQuorum} {
		if changed(flag) {
			metav1.SetMetaDataAnnotation(&kb.ObjectMeta, v1alpha1.Domain+flag, value)
		}
	}
	return kb, nil
}
