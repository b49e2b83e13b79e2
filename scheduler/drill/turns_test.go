package drill

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestTurns(t *testing.T) {
	all, now := turns{}, noon
	ask := func(cluster string, free int, want bool) {
		t.Helper()
		now = now.Add(time.Second)
		if got := all.take(types.NamespacedName{Name: cluster}, free, now); got != want {
			t.Errorf("%s with %d free places: %v", cluster, free, got)
		}
	}
	ask("greedy", 1, true)
	ask("patient", 0, false)
	ask("other", 0, false)
	ask("greedy", 1, false) // it comes first when a place is free, but the others have waited
	ask("other", 1, false)
	ask("other", 2, true)
	ask("patient", 1, true)
	ask("greedy", 1, true)

	ask("gone", 0, false)
	ask("patient", 1, false)
	now = now.Add(forgotten)
	ask("patient", 1, true)
}

func TestPlaces(t *testing.T) {
	claim := func(hours int) corev1.PersistentVolumeClaim {
		return corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(after(hours))}}
	}
	if got := placesTaken([]corev1.PersistentVolumeClaim{claim(0), claim(20), claim(24), claim(25)}, after(24)); got != 3 {
		t.Errorf("%d places are taken, want 3: one claim is there for a day", got)
	}
}
