package snapshots

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func TestTimes(t *testing.T) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	next := func(jitter string, uid types.UID) time.Time {
		t.Helper()
		kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{UID: uid}, Spec: v1alpha1.KafkaBackupSpec{Schedule: "@hourly", Jitter: jitter}}
		times, err := Times(kb)
		if err != nil {
			t.Fatal(err)
		}
		return times.Next(now.Add(-time.Second))
	}
	if at := next("", "a"); !at.Equal(now) {
		t.Errorf("without a jitter: %s", at)
	}
	a, b := next("30m", "a"), next("30m", "b")
	if !a.After(now) || !a.Before(now.Add(30*time.Minute)) || a.Equal(b) || !a.Equal(next("30m", "a")) {
		t.Errorf("two KafkaBackups within 30 minutes expected: %s and %s", a, b)
	}
	for _, wrong := range []string{"soon", "-5m"} {
		_, err := Times(&v1alpha1.KafkaBackup{Spec: v1alpha1.KafkaBackupSpec{Schedule: "@hourly", Jitter: wrong}})
		if err == nil || !strings.Contains(err.Error(), "spec.jitter") {
			t.Errorf("jitter %q: %v", wrong, err)
		}
	}
}
