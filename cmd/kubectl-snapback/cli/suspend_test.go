package cli

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func TestWithSuspend(t *testing.T) {
	const spec = "# by hand\nclusterRef: kafka # ours\nschedule: \"@every 1h\"\nvolumeSnapshotClassName: csi\n"
	for name, test := range map[string]struct {
		spec    string
		suspend bool
		want    string
	}{
		"added":    {spec, true, spec + "suspend: true\n"},
		"changed":  {"suspend: false # for now\n" + spec, true, "suspend: true # for now\n" + spec},
		"resumed":  {spec + "suspend: true\n", false, spec + "suspend: false\n"},
		"empty":    {"{}", true, "{suspend: true}\n"},
		"of a map": {"clusterRef: kafka\nvolumeSelector:\n  matchLabels:\n    a: b\n", true, "clusterRef: kafka\nvolumeSelector:\n  matchLabels:\n    a: b\nsuspend: true\n"},
	} {
		got, err := withSuspend(test.spec, test.suspend)
		if err != nil || got != test.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, test.want)
		}
	}
	for _, broken := range []string{"a: [", "- a list", "", "text"} {
		if got, err := withSuspend(broken, true); err == nil {
			t.Errorf("%q has become %q", broken, got)
		}
	}
}

func TestNextRun(t *testing.T) {
	created := time.Date(2026, 2, 21, 19, 0, 30, 0, time.UTC)
	for schedule, want := range map[string]string{
		"@every 15m": "Its next run is in 10m, at 2026-02-21T19:15:30Z",
		"0 2 * * *":  "Its next run is in 6h54m, at 2026-02-22T02:00:00Z",
		"0 2":        `It does not run: spec.schedule "0 2": expected exactly 5 fields, found 2: [0 2]`,
	} {
		kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created)}, Spec: v1alpha1.KafkaBackupSpec{Schedule: schedule}}
		if got := nextRun(kb, created.Add(5*time.Minute)); got != want {
			t.Errorf("%s: %q, want %q", schedule, got, want)
		}
	}
}
