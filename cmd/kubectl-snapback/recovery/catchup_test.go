package recovery

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// brokers are two brokers whose claims and pods are made again at once, and a
// Kafka that a test changes. It is the Operator, too.
type brokers struct {
	unknownOperator
	*kubelet
	client.Client
	claims []*snapshotstest.Claim
	kafka  func(context.Context) (*kafka.Observation, error)
	out    bytes.Buffer
}

func newBrokers(t *testing.T, ofKafka func(context.Context) (*kafka.Observation, error)) *brokers {
	t.Helper()
	b := &brokers{kubelet: &kubelet{}, kafka: ofKafka}
	var objects []client.Object
	for id := range 2 {
		claim := snapshotstest.StatefulSetClaim("kafka", id)
		pvc := boundClaim(claim)
		b.claims = append(b.claims, claim)
		objects = append(objects, pvc, podOf(pvc, 30), snapshotOf(claim).Obj())
	}
	b.Client = cluster(objects...).WithInterceptorFuncs(interceptor.Funcs{Delete: b.delete}).Build()
	return b
}

func (b *brokers) ask(ctx context.Context, _ int32) (*kafka.Observation, error) { return b.kafka(ctx) }

// Nudge makes claims that are gone, from their snapshots, and ready pods.
func (b *brokers) Nudge(ctx context.Context, _ *Runner) error {
	for _, claim := range b.claims {
		pvc := claim.From(snapshotOf(claim).Obj().Name).Obj()
		if b.Get(ctx, client.ObjectKeyFromObject(pvc), &corev1.PersistentVolumeClaim{}) == nil {
			continue
		}
		pvc.UID, pvc.Status.Phase = types.UID("new-"+pvc.Name), corev1.ClaimBound
		pvc.CreationTimestamp = metav1.Now()
		pod := podOf(pvc, 30)
		pod.UID += "-new"
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		b.note("%s is made again", pod.Name)
		if err := errors.Join(b.Create(ctx, pvc), b.Create(ctx, pod)); err != nil {
			return err
		}
	}
	return nil
}

// restore carries out a plan of both brokers, from where its claims are deleted.
func (b *brokers) restore(t *testing.T, r Request) (*Plan, error) {
	t.Helper()
	o, err := b.kafka(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := planWith(t, b, r, Asked{Observation: o})
	if len(p.Blocks) > 0 {
		t.Fatalf("blocked by %q", p.Blocks)
	}
	runner := &Runner{Client: b, Kafka: b.ask, Plan: p, Operator: b, Timeout: time.Minute, Out: &b.out}
	return p, runner.replaceAll(t.Context())
}

// did returns what happened, without the claims.
func (b *brokers) did() string {
	return strings.Join(slices.DeleteFunc(slices.Clone(b.log), func(s string) bool { return strings.HasPrefix(s, "claim ") || strings.HasSuffix(s, "is gone, <nil>") }), ", ")
}

// of returns what Kafka says while these brokers are in sync. The partition has
// 500 MiB.
func of(registered, isr []int32, has int64) *kafka.Observation {
	o := observed(registered, partitioned("t", isr[0], ids(0, 1), isr))
	size := func(broker int32, size int64) kafka.LogDir {
		return kafka.LogDir{Broker: broker, Replicas: []kafka.Replica{{TopicPartition: kafka.TopicPartition{Topic: "t"}, Size: size}}}
	}
	o.LogDirs = []kafka.LogDir{size(isr[0], 500<<20), size(1-isr[0], has<<20)}
	return o
}

const (
	zeroGoes = "pod kafka-0 -1, kafka-0 is made again"
	oneGoes  = "pod kafka-1 -1, kafka-1 is made again"
)

// TestOneAfterAnother restores two brokers. The second one is not touched until
// Kafka has the first one in sync.
func TestOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *brokers
		started, both := time.Time{}, ids(0, 1)
		b = newBrokers(t, func(context.Context) (*kafka.Observation, error) {
			switch made := strings.Count(b.did(), "is made again"); {
			case made == 0 || made == 2 && strings.Contains(b.did(), "in sync"):
				return of(both, both, 500), nil
			case made == 1 && started.IsZero():
				started = time.Now()
				return of(ids(1), ids(1), 0), nil
			case made == 1 && time.Since(started) < 40*time.Second: // 10 MiB a second
				return of(both, ids(1), int64(time.Since(started)/time.Second)*10), nil
			case made == 1:
				b.note("in sync")
				return of(both, both, 500), nil
			}
			return of(both, both, 500), nil
		})
		p, err := b.restore(t, Request{Brokers: []string{"0", "1"}})
		if err != nil {
			t.Fatal(err)
		}
		if did := strings.ReplaceAll(b.did(), "in sync, in sync, in sync", "in sync"); did != zeroGoes+", in sync, "+oneGoes {
			t.Errorf("it went %s", did)
		}
		for _, want := range []string{
			"Kafka was asked again: broker kafka-0 can be replaced",
			"waiting: broker kafka-0 is not in sync yet in 1 of its 1 partitions, such as t-0, about 350 MiB to fetch",
			"broker kafka-0 is in sync in all of its partitions (1)\nKafka was asked again: broker kafka-1 can be replaced",
			"broker kafka-1 is in sync in all of its partitions (1)",
		} {
			if !strings.Contains(b.out.String(), want) {
				t.Errorf("it does not say %s:\n%s", want, b.out.String())
			}
		}
		if next := p.next(); next != "Kafka has all that was restored in sync." {
			t.Errorf("next: %s", next)
		}
	})
}

// TestStops has a Kafka that does not agree, or goes away, while two brokers are
// restored. Nothing more is deleted.
func TestStops(t *testing.T) {
	both := ids(0, 1)
	fine := of(both, both, 500)
	for name, test := range map[string]struct {
		then func(made int, asked int) (*kafka.Observation, error) // after the plan
		did  string
		want []string // what the error has
	}{
		"a peer has gone since": {func(int, int) (*kafka.Observation, error) { return of(both, ids(0), 0), nil }, "",
			[]string{"nothing of broker kafka-0 was deleted: since the plan was made: no other broker has in sync what broker kafka-0 has of 1 of its 1 partitions", "; not touched: kafka-1"}},
		"Kafka has gone since": {func(int, int) (*kafka.Observation, error) { return nil, errors.New("no answer") }, "",
			[]string{"nothing of broker kafka-0 was deleted: after 1m0s: Kafka cannot be asked whether broker kafka-0 may be taken away: no answer", "; not touched: kafka-1"}},
		"the first never catches up": {func(made, _ int) (*kafka.Observation, error) {
			if made == 0 {
				return fine, nil
			}
			return of(both, ids(1), 100), nil
		}, zeroGoes, []string{"no progress for 1m0s: broker kafka-0 is not in sync yet in 1 of its 1 partitions, such as t-0, about 400 MiB to fetch; not touched: kafka-1"}},
		"the first never joins": {func(made, _ int) (*kafka.Observation, error) {
			if made == 0 {
				return fine, nil
			}
			o := of(both, both, 500) // its session is not over
			o.Silent = []kafka.Silence{{Broker: 0, Why: errors.New("connection refused")}}
			return o, nil
		}, zeroGoes, []string{"broker kafka-0 does not answer yet: connection refused; not touched: kafka-1"}},
		"Kafka goes away between": {func(made, _ int) (*kafka.Observation, error) {
			if made == 0 {
				return fine, nil
			}
			return nil, errors.New("no answer")
		}, zeroGoes, []string{"broker kafka-0 is restored, but Kafka cannot be asked whether it is in sync: no answer; not touched: kafka-1"}},
		"the second has become the last": {func(made, asked int) (*kafka.Observation, error) {
			if made == 0 || asked == 2 || asked == 3 {
				return fine, nil
			}
			return of(both, ids(1), 400), nil
		}, zeroGoes, []string{"nothing of broker kafka-1 was deleted: since the plan was made: no other broker has in sync what broker kafka-1 has"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b *brokers
				asked := -1
				b = newBrokers(t, func(context.Context) (*kafka.Observation, error) {
					if asked++; asked == 0 {
						return fine, nil
					}
					return test.then(strings.Count(b.did(), "made again"), asked)
				})
				_, err := b.restore(t, Request{Brokers: []string{"0", "1"}})
				for _, want := range test.want {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %v\nwant %s", err, want)
					}
				}
				if did := b.did(); did != test.did {
					t.Errorf("it went %s, want %s", did, test.did)
				}
			})
		})
	}
}

// TestUndone takes the pins off if Kafka does not agree and nothing was deleted.
func TestUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := of(ids(0, 1), ids(0, 1), 500)
		b := newBrokers(t, func(context.Context) (*kafka.Observation, error) { return now, nil })
		p := planWith(t, b, Request{Brokers: []string{"0"}}, Asked{Observation: now})
		now = of(ids(0, 1), ids(0), 0)
		for n := range p.Items {
			p.Items[n].again = nil // nobody can be asked in a dry run
		}
		p.SkipTrial = true
		err := (&Runner{Client: b, Kafka: b.ask, Plan: p, Operator: b, Timeout: time.Minute, Out: t.Output()}).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "since the plan was made: no other broker has in sync") || !strings.HasSuffix(err.Error(), "the pins were taken off again, nothing else was changed") {
			t.Errorf("error %v", err)
		}
		if vs := read(t, b, snapshotOf(b.claims[0]).Obj()); vs.Annotations[v1alpha1.AnnotationRestoring] != "" || b.did() != "" {
			t.Errorf("it went %s, annotated %v", b.did(), vs.Annotations)
		}
	})
}

// TestAccepted replaces a broker whose loss is accepted, but no other partition's.
func TestAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sole := func(topics ...string) *kafka.Observation {
			o := observed(ids(0, 1))
			for _, name := range topics {
				o.Topics = append(o.Topics, partitioned(name, 0, ids(0), ids(0)))
			}
			return o
		}
		now := sole("t")
		b := newBrokers(t, func(context.Context) (*kafka.Observation, error) { return now, nil })
		p := planWith(t, b, Request{Brokers: []string{"0"}, AcceptLoss: []string{"0"}}, Asked{Observation: now})
		now = sole("t", "u")
		r := &Runner{Client: b, Kafka: b.ask, Plan: p, Operator: b, Timeout: time.Minute, Out: t.Output()}
		if err := r.replaceAll(t.Context()); err == nil || b.did() != "" {
			t.Errorf("it went %s, %v", b.did(), err)
		}
		now = sole("t")
		if err := r.replaceAll(t.Context()); err != nil || b.did() != zeroGoes {
			t.Errorf("it went %s, %v", b.did(), err)
		}
		if !strings.HasPrefix(p.next(), "Kafka has all that was restored in sync. Next: look at consumer groups") {
			t.Errorf("next: %s", p.next())
		}
	})
}

// TestGoesOn restores the second broker of two after an interruption.
func TestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *brokers
		behind := true
		b = newBrokers(t, func(context.Context) (*kafka.Observation, error) {
			if made := strings.Contains(b.did(), "made again"); made && behind {
				return of(ids(0, 1), ids(1), 0), nil
			}
			return of(ids(0, 1), ids(0, 1), 500), nil
		})
		request := Request{Brokers: []string{"0", "1"}}
		p := planWith(t, b, request, Asked{Observation: of(ids(0, 1), ids(0, 1), 500)})
		r := &Runner{Client: b, Kafka: b.ask, Plan: p, Operator: b, Timeout: time.Minute, Out: t.Output()}
		if err := r.pin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.replaceAll(t.Context()); err == nil || b.did() != zeroGoes {
			t.Fatalf("it went %s, %v", b.did(), err)
		}
		behind = false
		p, err := b.restore(t, request)
		if err != nil || b.did() != zeroGoes+", "+oneGoes {
			t.Errorf("it went %s, %v", b.did(), err)
		}
		if p.Brokers[0].Synced == nil || p.Brokers[1].Synced == nil {
			t.Errorf("in sync: %+v", p.Brokers)
		}
	})
}

// TestAgreesAnew stops if something else is lost than the plan has said, or if another
// Kafka says that nothing is.
func TestAgreesAnew(t *testing.T) {
	t.Parallel()
	both := partitioned("t", -1, ids(0, 1), ids(0))
	for name, test := range map[string]struct {
		peers []int32 // whose disks were lost at the time of the plan
		now   *kafka.Observation
		id    string
		want  string
	}{
		"as planned":           {peers: ids(1), now: observed(nil, both)},
		"the peer has come up": {peers: ids(1), now: observed(ids(1), both), want: "since the plan was made: broker kafka-0 was the last one in sync"},
		"another Kafka":        {peers: ids(1), now: observed(nil, both), id: "another", want: "another Kafka answers than for the plan, with the cluster id another and not own"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &Broker{Node: "kafka-0", Asked: true, target: target{node: "kafka-0", lost: test.peers}}
			b.add(&Plan{}, b.target.judge(observed(nil, both), nil))
			test.now.ClusterID = cmp.Or(test.id, "own")
			r := &Runner{Plan: &Plan{kafkaID: "own"}, Timeout: time.Minute, Out: t.Output(), Kafka: func(context.Context, int32) (*kafka.Observation, error) { return test.now, nil }}
			if err := r.agree(t.Context(), b); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestUnseen says of which topics it is not known whether a broker is in sync.
func TestUnseen(t *testing.T) {
	t.Parallel()
	o := hiding(of(ids(0, 1), ids(0, 1), 500))
	r := &Runner{Plan: &Plan{}, Kafka: func(context.Context, int32) (*kafka.Observation, error) { return o, nil }}
	s, text, err := r.behind(t.Context(), &Broker{target: target{node: "kafka-0"}})
	if want := "; whether it is in these topics, which Kafka's user may not describe, is not known: payments"; err != nil || !s.Done() || !strings.HasSuffix(text, want) {
		t.Errorf("%+v, %q, %v", s, text, err)
	}
}

// TestStuck is not held up by partitions that wait for another lost broker.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := observed(ids(0), partitioned("t", -1, ids(0, 1), ids(1)), partitioned("u", 0, ids(0), ids(0)))
		b := newBrokers(t, func(context.Context) (*kafka.Observation, error) { return stuck, nil })
		p := planWith(t, b, Request{Brokers: []string{"0"}, AcceptLoss: []string{"0"}}, Asked{Observation: stuck})
		r := &Runner{Client: b, Kafka: b.ask, Plan: p, Operator: b, Timeout: time.Minute, Out: &b.out}
		if err := r.replaceAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := "broker kafka-0 is in sync, except in 1 of its 2 partitions, which wait for broker kafka-1 to lead them"; !strings.Contains(b.out.String(), want) {
			t.Errorf("it says %s", b.out.String())
		}
		if !strings.HasPrefix(p.next(), "Next: wait until "+underReplicated) {
			t.Errorf("next: %s", p.next())
		}
	})
}

func TestInBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 MiB", 1: "1 MiB", 5 << 20: "5 MiB", 3 << 29: "1.5 GiB"} {
		if got := inBytes(n); got != want {
			t.Errorf("%d bytes are %s, want %s", n, got, want)
		}
	}
}
