package reach

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func asker(t *testing.T, servers string, change func(*v1alpha1.KafkaBackup), objects ...client.Object) *Asker {
	t.Helper()
	kb := snapshotstest.NewBackup("hourly", "kafka", "class").Obj()
	if change != nil {
		change(kb)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: kb.Namespace}}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(append(objects, kb, namespace)...).Build()
	inv, err := inventory.Load(t.Context(), c, kb.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if inv, err = inv.Only(kb.Namespace, "kafka"); err != nil {
		t.Fatal(err)
	}
	a := New(&rest.Config{Host: "http://127.0.0.1:1"}, c, inv, servers, time.Now)
	t.Cleanup(a.Close)
	return a
}

// TestDirectly asks brokers that this machine reaches.
func TestDirectly(t *testing.T) {
	t.Parallel()
	fakes, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(3, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer fakes.Close()
	a := asker(t, strings.Join(fakes.ListenAddrs(), ","), nil)
	for range 2 {
		o, err := a.Observe(t.Context())
		if err != nil || len(o.Brokers) != 2 || o.Topic("orders") == nil {
			t.Fatalf("%+v, %v", o, err)
		}
	}
	if o, err := a.Confirmed(t.Context(), 0); err != nil || len(o.Silent) > 0 || o.Topic("orders") == nil {
		t.Fatalf("%+v, %v", o, err)
	}
}

// TestWhyNot says why Kafka cannot be asked, and what to do.
func TestWhyNot(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	const instead = "; or pass --bootstrap-servers with addresses that this machine reaches"
	for name, test := range map[string]struct {
		servers string
		change  func(*v1alpha1.KafkaBackup)
		want    []string
	}{
		"nobody says where": {"", nil, []string{"set spec.kafka.bootstrapServers", instead}},
		"nothing listens":   {addr, nil, []string{"refused"}},
		"no such pod": {"", func(kb *v1alpha1.KafkaBackup) {
			kb.Spec.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "kafka-0:9092"}
		}, []string{"no pod and no Service of namespace kafka is known as kafka-0", instead}},
		"no Secret": {addr, func(kb *v1alpha1.KafkaBackup) {
			kb.Spec.Kafka = &v1alpha1.KafkaAccess{SASL: &v1alpha1.KafkaSASL{Mechanism: "PLAIN", Secret: "gone"}}
		}, []string{"gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, err := asker(t, test.servers, test.change).Observe(t.Context())
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%+v, %v; want %s", o, err, want)
				}
			}
			if test.servers != "" && err != nil && strings.Contains(err.Error(), instead) {
				t.Errorf("it names a flag that was given: %v", err)
			}
		})
	}
}

// away is a Kafka that does not answer.
type away struct{ closed int }

func (*away) Observe(context.Context) (*kafka.Observation, error) { return nil, errors.New("away") }
func (*away) Confirm(context.Context, *kafka.Observation, int32)  {}
func (a *away) Close()                                            { a.closed++ }

// TestConnectsAgain gives up a connection that does not answer.
func TestConnectsAgain(t *testing.T) {
	t.Parallel()
	gone := &away{}
	a := asker(t, "127.0.0.1:1", nil)
	a.kafka = gone
	if _, err := a.Observe(t.Context()); err == nil || gone.closed != 1 || a.kafka != nil {
		t.Errorf("closed %d times, %v", gone.closed, err)
	}
}

// TestServices finds brokers behind the Services of charts and of people.
func TestServices(t *testing.T) {
	t.Parallel()
	claim := snapshotstest.StatefulSetClaim("kafka", 0).Obj()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "kafka-0", Labels: map[string]string{"app": "kafka"}}}
	pod.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name}}}}
	service := func(name, app string, ports ...corev1.ServicePort) client.Object {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: name}, Spec: corev1.ServiceSpec{Ports: ports}}
		if app != "" {
			s.Spec.Selector = map[string]string{"app": app}
		}
		return s
	}
	port := func(name string, number int32) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Port: number}
	}
	a := asker(t, "", nil, claim, pod,
		service("bootstrap", "kafka", port("http-metrics", 9404), port("tcp-client", 9094)),
		service("by-number", "kafka", port("", 9092)),
		service("secured", "kafka", port("tls", 9092), port("controller", 9093)),
		service("registry", "registry", port("", 9092)),
		service("nobody", "", port("", 9092)))
	got, err := a.services(t.Context())
	if want := []string{"bootstrap.kafka.svc:9094", "by-number.kafka.svc:9092"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
