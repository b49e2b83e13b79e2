package observe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
)

// fakeKafka is a Kafka cluster that answers as a test wants.
type fakeKafka struct {
	kafka.Cluster
	observe func(context.Context) (*kafka.Observation, error)
	closed  atomic.Int32
}

func (f *fakeKafka) Observe(ctx context.Context) (*kafka.Observation, error) { return f.observe(ctx) }
func (f *fakeKafka) Close()                                                  { f.closed.Add(1) }

var at = time.Unix(1_800_000_000, 0).UTC()

// site is an observer with one Kafka cluster.
type site struct {
	Observer
	clock    *clockwork.FakeClock
	kafka    *fakeKafka
	connects atomic.Int32
	done     atomic.Int32
	refused  error // of the next connects
}

func newSite() *site {
	s := &site{clock: clockwork.NewFakeClockAt(at)}
	s.kafka = &fakeKafka{observe: func(context.Context) (*kafka.Observation, error) {
		return &kafka.Observation{At: s.clock.Now()}, nil
	}}
	s.Observer = Observer{Clock: s.clock,
		Connect: func(context.Context, *v1alpha1.KafkaBackup) (kafka.Cluster, error) {
			s.connects.Add(1)
			return s.kafka, s.refused
		},
		Done: func(context.Context, types.NamespacedName) { s.done.Add(1) },
	}
	return s
}

func backup(name string) *v1alpha1.KafkaBackup {
	return &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: name, UID: types.UID(name)},
		Spec: v1alpha1.KafkaBackupSpec{ClusterRef: "my-cluster", Kafka: &v1alpha1.KafkaAccess{}}}
}

// keep lets the observer look at a KafkaBackup, and waits for what follows.
func (s *site) keep(t *testing.T, kb *v1alpha1.KafkaBackup) State {
	t.Helper()
	s.Keep(t.Context(), kb, false)
	synctest.Wait()
	return s.State(client.ObjectKeyFromObject(kb))
}

// Time in the bubble of a test passes at once; the clock of the observer is
// another one, which stands still.

func TestObserveOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, kb := newSite(), backup("a")
		defer s.Close()
		if got := s.keep(t, kb); got.Last == nil || !got.Tried || got.Err != nil || s.done.Load() != 1 {
			t.Fatalf("state %+v, %d looks asked for", got, s.done.Load())
		}
		for _, step := range []struct {
			after time.Duration
			want  int32
		}{{time.Second, 1}, {30 * time.Second, 1}, {30 * time.Second, 2}, {time.Minute, 3}} {
			s.clock.Advance(step.after)
			if s.keep(t, kb); s.done.Load() != step.want {
				t.Errorf("%v later: %d observations, want %d", step.after, s.done.Load(), step.want)
			}
		}
		if s.connects.Load() != 1 || s.kafka.closed.Load() != 0 {
			t.Errorf("%d connects, %d closes: want one connection", s.connects.Load(), s.kafka.closed.Load())
		}
		s.clock.Advance(connectedFor)
		if s.keep(t, kb); s.connects.Load() != 2 || s.kafka.closed.Load() != 1 {
			t.Errorf("%d connects, %d closes: want a new connection", s.connects.Load(), s.kafka.closed.Load())
		}
	})
}

func TestObserveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, kb := newSite(), backup("a")
		defer s.Close()
		s.keep(t, kb)
		answer := s.kafka.observe
		s.kafka.observe = func(context.Context) (*kafka.Observation, error) { return nil, errors.New("no answer") }
		s.clock.Advance(time.Minute)
		if got := s.keep(t, kb); got.Err == nil || got.Last == nil || !got.Last.At.Equal(at) || s.kafka.closed.Load() != 1 {
			t.Errorf("state %+v, %d closes: want the last observation and the error", got, s.kafka.closed.Load())
		}
		s.refused = errors.New("no such secret")
		s.clock.Advance(time.Minute)
		if got := s.keep(t, kb); got.Err == nil || got.Err.Error() != "no such secret" {
			t.Errorf("error %v", got.Err)
		}
		s.refused, s.kafka.observe = nil, answer
		s.clock.Advance(time.Minute)
		if got := s.keep(t, kb); got.Err != nil || !got.Last.At.After(at) {
			t.Errorf("state %+v: want a new observation", got)
		}
	})
}

// One that never answers is given up, and holds up no other.
func TestObserveNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, kb := newSite(), backup("a")
		defer s.Close()
		s.kafka.observe = func(ctx context.Context) (*kafka.Observation, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if got := s.keep(t, kb); got.Tried {
			t.Fatalf("state %+v before the time is over", got)
		}
		s.keep(t, kb) // it is under way
		time.Sleep(timeout)
		synctest.Wait()
		if got := s.State(client.ObjectKeyFromObject(kb)); !errors.Is(got.Err, context.DeadlineExceeded) || s.connects.Load() != 1 {
			t.Errorf("state %+v, %d connects", got, s.connects.Load())
		}
	})
}

func TestObserveFewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		defer s.Close()
		var mu sync.Mutex
		asking, most := 0, 0
		s.kafka.observe = func(context.Context) (*kafka.Observation, error) {
			mu.Lock()
			asking++
			most = max(most, asking)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			asking--
			return &kafka.Observation{}, nil
		}
		const all = 4 * parallel
		for n := range all {
			s.Keep(t.Context(), backup(fmt.Sprint(n)), false)
		}
		time.Sleep(all * time.Second)
		if s.done.Load() != all || most != parallel {
			t.Errorf("%d observations, %d at once, want %d and %d", s.done.Load(), most, all, parallel)
		}
	})
}

// TestObserveBesideSilentOnes has many clusters that never answer: one that does is
// observed meanwhile, and sooner while somebody waits.
func TestObserveBesideSilentOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, good := newSite(), backup("good")
		defer s.Close()
		s.keep(t, good)
		answer := s.kafka.observe
		s.kafka.observe = func(ctx context.Context) (*kafka.Observation, error) { <-ctx.Done(); return nil, ctx.Err() }
		for n := range 4 * parallel {
			s.Keep(t.Context(), backup(fmt.Sprint(n)), false)
		}
		synctest.Wait()
		s.kafka.observe = answer
		s.clock.Advance(soon)
		if s.keep(t, good); s.done.Load() != 1 {
			t.Errorf("%d observations although nobody waits", s.done.Load())
		}
		s.Keep(t.Context(), good, true)
		if synctest.Wait(); s.done.Load() != 2 {
			t.Errorf("%d observations, want 2", s.done.Load())
		}
		if s.Keep(t.Context(), good, true); s.done.Load() != 2 {
			t.Errorf("%d observations at once", s.done.Load())
		}
	})
}

func TestObserveNoMore(t *testing.T) {
	for name, change := range map[string]struct {
		do     func(*site, *testing.T, *v1alpha1.KafkaBackup)
		closed int32
		state  bool
	}{
		"the KafkaBackup is gone": {func(s *site, _ *testing.T, kb *v1alpha1.KafkaBackup) { s.Forget(client.ObjectKeyFromObject(kb)) }, 1, false},
		"the term ends": {func(s *site, t *testing.T, kb *v1alpha1.KafkaBackup) {
			s.Close()
			s.keep(t, kb)
		}, 1, false},
		"it has no spec.kafka any more": {func(s *site, t *testing.T, kb *v1alpha1.KafkaBackup) {
			kb.Spec.Kafka = nil
			s.keep(t, kb)
		}, 1, false},
		"its spec has changed": {func(s *site, t *testing.T, kb *v1alpha1.KafkaBackup) {
			kb.Spec.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "kafka:9092"}
			s.keep(t, kb)
		}, 1, true},
		"another of that name": {func(s *site, t *testing.T, kb *v1alpha1.KafkaBackup) {
			kb.UID = "another"
			s.keep(t, kb)
		}, 1, true},
		"something else has changed": {func(s *site, t *testing.T, kb *v1alpha1.KafkaBackup) {
			kb.Spec.Schedule = "@daily"
			s.keep(t, kb)
		}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, kb := newSite(), backup("a")
				defer s.Close()
				s.keep(t, kb)
				change.do(s, t, kb)
				synctest.Wait()
				if closed, tried := s.kafka.closed.Load(), s.State(client.ObjectKeyFromObject(kb)).Tried; closed != change.closed || tried != change.state {
					t.Errorf("%d closes, tried: %t", closed, tried)
				}
			})
		})
	}
}

func TestForRun(t *testing.T) {
	failing := func(context.Context) (*kafka.Observation, error) { return nil, errors.New("no answer") }
	deaf := func(context.Context) (*kafka.Observation, error) {
		time.Sleep(time.Hour)
		return nil, errors.New("too late")
	}
	for name, c := range map[string]struct {
		observe func(context.Context) (*kafka.Observation, error)
		age     time.Duration // of the last observation; 0: there is none
		fresh   bool          // want one that was made now
		last    bool          // want the last one
	}{
		"it answers":                             {nil, time.Minute, true, false},
		"for the first time":                     {nil, 0, true, false},
		"it fails":                               {failing, time.Minute, false, true},
		"it fails, the last is too old":          {failing, fresh, false, false},
		"it fails, there is none":                {failing, 0, false, false},
		"it does not even heed the time":         {deaf, time.Minute, false, true},
		"it does not heed the time, none before": {deaf, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, kb := newSite(), backup("a")
				defer time.Sleep(2 * time.Hour) // until also the deaf one has ended
				defer s.Close()
				if c.age > 0 {
					s.keep(t, kb)
					s.clock.Advance(c.age)
				}
				if c.observe != nil {
					s.kafka.observe = c.observe
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				begun := time.Now()
				o, err := s.ForRun(ctx, kb)
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				if o != nil != (c.fresh || c.last) || err == nil != c.fresh || o != nil && o.At.Equal(s.clock.Now()) != c.fresh {
					t.Errorf("%+v, %v", o, err)
				}
				if state := s.State(client.ObjectKeyFromObject(kb)); state.Err != nil {
					t.Errorf("the short limit of a run became a failure: %v", state.Err)
				}
			})
		})
	}
	var none Observer
	if o, err := none.ForRun(t.Context(), backup("a")); o != nil || err != nil {
		t.Errorf("%v, %v", o, err)
	}
}
