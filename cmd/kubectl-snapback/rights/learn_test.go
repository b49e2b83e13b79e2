package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// buttons are the rights of the buttons of many KafkaBackups in some namespaces.
func buttons(namespaces, each int) (all []Right) {
	for n := range namespaces {
		for b := range each {
			on := Right{Verb: "patch", Group: "snapback.dev", Resource: "kafkabackups", Namespace: fmt.Sprint("ns", n), Name: fmt.Sprint("b", b)}
			all = append(all, on, on, on)
		}
	}
	return all
}

// TestLearn asks many questions together, and each once: the apiserver answers after a
// second, and what may be done is known after a few.
func TestLearn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			allows func(*authorizationv1.ResourceAttributes) bool
			asked  int
			within time.Duration
			may    int
		}{
			"nothing":                  {never, 1 + 20 + 100, 13 * time.Second, 0},
			"everything":               {func(*authorizationv1.ResourceAttributes) bool { return true }, 1, time.Second, 300},
			"all of one namespace":     {func(a *authorizationv1.ResourceAttributes) bool { return a.Namespace == "ns3" }, 1 + 20 + 95, 13 * time.Second, 15},
			"one name, in a namespace": {func(a *authorizationv1.ResourceAttributes) bool { return a.Namespace == "ns3" && a.Name == "b1" }, 1 + 20 + 100, 13 * time.Second, 3},
		} {
			a := newApiserver(test.allows)
			var together, most atomic.Int32
			a.waits = func() {
				most.Store(max(most.Load(), together.Add(1)))
				time.Sleep(time.Second)
				together.Add(-1)
			}
			r, all := New(a, time.Now), buttons(20, 5)
			began := time.Now()
			r.Learn(t.Context(), all)
			if took := time.Since(began); took > test.within || len(a.asked) != test.asked || most.Load() > atOnce {
				t.Errorf("%s: %d questions, want %d, took %s, up to %d together", name, len(a.asked), test.asked, took, most.Load())
			}
			may := 0
			for _, right := range all {
				if is, _ := r.May(t.Context(), right); is {
					may++
				}
			}
			if sorted := slices.Sorted(slices.Values(a.asked)); may != test.may || len(a.asked) != test.asked || len(slices.Compact(sorted)) != test.asked {
				t.Errorf("%s: %d may be done, want %d; asked %q", name, may, test.may, a.asked)
			}
		}
	})
}

// TestLearnFails asks an apiserver that is away a few questions, not hundreds, and none for
// a reader who has gone.
func TestLearnFails(t *testing.T) {
	t.Parallel()
	a := newApiserver(never)
	a.err = errors.New("reset")
	r := New(a, time.Now)
	r.Learn(t.Context(), buttons(20, 5))
	if len(a.asked) > atOnce {
		t.Errorf("%d questions", len(a.asked))
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	a = newApiserver(never)
	New(a, time.Now).Learn(gone, buttons(20, 5))
	if len(a.asked) > 0 {
		t.Errorf("%d questions for a reader who has gone", len(a.asked))
	}
}
