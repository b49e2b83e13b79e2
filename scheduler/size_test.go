package scheduler_test

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// statefulSet creates a StatefulSet without replicas whose claim template requests
// a size.
func (f *fixture) statefulSet(name, request string) *appsv1.StatefulSet {
	f.Helper()
	labels := map[string]string{"app": "kafka"}
	template := snapshotstest.PlainClaim("data").Request(request).Obj()
	template.Namespace = ""
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(0)), ServiceName: name, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "kafka", Image: "kafka"}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*template},
		},
	}
	f.create(set)
	return set
}

// TestTooSmall has a claim that was expanded and a StatefulSet that was not,
// and creates the StatefulSet again, larger.
func TestTooSmall(t *testing.T) {
	f := newFixture(t)
	set := f.statefulSet("kafka", "1Gi")
	f.claim(snapshotstest.StatefulSetClaim("kafka", 0).Request("2Gi"))
	f.claim(snapshotstest.StatefulSetClaim("kafka-small", 0).Request("1Gi")) // it has no StatefulSet
	f.start()
	kb := f.backup(hourly())
	f.runNext(kb)
	f.until(kb, "the condition", has("TooSmall", "data-kafka-0 (requests 1Gi, needs 2Gi)"))
	if err := f.client.Delete(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	f.statefulSet("kafka", "2Gi")
	f.lookAgain(kb) // too early: StatefulSets are read once a minute
	f.clock.Advance(time.Minute)
	f.lookAgain(kb)
	f.until(kb, "no condition", has("TooSmall", ""))
}
