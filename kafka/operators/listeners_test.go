package operators_test

import (
	"errors"
	"reflect"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/kafka/operators"
)

func TestListeners(t *testing.T) {
	t.Parallel()
	of := func(kind schema.GroupVersionKind, manifest string) []client.Object {
		t.Helper()
		encoded, err := yaml.YAMLToJSON([]byte(manifest))
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON([]byte(`{"apiVersion":"` + kind.GroupVersion().String() + `","kind":"` + kind.Kind + `",` + string(encoded[1:]))); err != nil {
			t.Fatal(err)
		}
		return []client.Object{object(kind, "c", o.Object)}
	}
	strimzi := func(manifest string) []client.Object { return of(kafka, manifest) }
	koperator := func(manifest string) []client.Object { return of(kafkaCluster, manifest) }
	for name, test := range map[string]struct {
		objects []client.Object
		want    []operators.Listener
	}{
		"no operator": {},
		"Strimzi": {strimzi(`
spec: {kafka: {listeners: [
  {name: plain, port: 9092, type: internal, tls: false},
  {name: tls, port: 9093, type: internal, tls: true, authentication: {type: tls}},
  {name: scram, port: 9095, type: cluster-ip, tls: true, authentication: {type: scram-sha-512}},
  {name: outside, port: 9094, type: nodeport, tls: true, authentication: {type: custom, sasl: true}}]}}
status: {listeners: [
  {name: plain, bootstrapServers: "c-kafka-bootstrap.kafka.svc:9092", addresses: [{host: c-kafka-bootstrap.kafka.svc, port: 9092}]},
  {name: tls, bootstrapServers: "c-kafka-bootstrap.kafka.svc:9093", certificates: [A, B]},
  {name: scram, bootstrapServers: "c-kafka-scram-bootstrap.kafka.svc:9095", certificates: [A]},
  {name: outside, bootstrapServers: "10.0.0.1:30001,10.0.0.2:30001", certificates: [A]}]}`),
			[]operators.Listener{
				{Name: "plain", Bootstrap: []string{"c-kafka-bootstrap.kafka.svc:9092"}, Internal: true},
				{Name: "tls", Bootstrap: []string{"c-kafka-bootstrap.kafka.svc:9093"}, TLS: true, Internal: true, CA: []byte("A\nB")},
				{Name: "scram", Bootstrap: []string{"c-kafka-scram-bootstrap.kafka.svc:9095"}, TLS: true, SASL: true, Internal: true, CA: []byte("A")},
				{Name: "outside", Bootstrap: []string{"10.0.0.1:30001", "10.0.0.2:30001"}, TLS: true, SASL: true, CA: []byte("A")},
			}},
		"Strimzi, addresses alone": {strimzi(`
spec: {kafka: {listeners: [{name: plain, type: internal}]}}
status: {listeners: [{name: plain, addresses: [{host: a, port: 9092}, {host: "fd00::1", port: 9092}]}]}`),
			[]operators.Listener{{Name: "plain", Bootstrap: []string{"a:9092", "[fd00::1]:9092"}, Internal: true}}},
		"Strimzi, not ready":       {strimzi(`{spec: {kafka: {listeners: [{name: plain}]}}}`), nil},
		"Strimzi, without address": {strimzi(`{status: {listeners: [{name: plain}]}}`), nil},
		"Strimzi, in another form": {strimzi(`{spec: {kafka: {listeners: {plain: {}}}}, status: {listeners: [{name: plain, bootstrapServers: "a:1"}, 7]}}`),
			[]operators.Listener{{Name: "plain", Bootstrap: []string{"a:1"}}}},
		"Koperator": {koperator(`
spec: {listenersConfig: {internalListeners: [
  {name: plain, type: plaintext, containerPort: 29092}, {name: secure, type: ssl}, {name: users, type: sasl_ssl}, {name: users-plain, type: sasl_plaintext}]}}
status: {listenerStatuses: {internalListeners: {
  secure: [{name: any-broker, address: "c-all-broker.kafka.svc.cluster.local:29093"}, {name: broker-0, address: "c-0.kafka.svc.cluster.local:29093"}],
  plain: [{name: headless, address: "c-headless.kafka.svc.cluster.local:29092"}],
  users: [{name: headless, address: "c-headless.kafka.svc.cluster.local:29094"}],
  users-plain: [{name: headless, address: "c-headless.kafka.svc.cluster.local:29095"}],
  empty: []}}}`),
			[]operators.Listener{
				{Name: "plain", Bootstrap: []string{"c-headless.kafka.svc.cluster.local:29092"}, Internal: true},
				{Name: "secure", Bootstrap: []string{"c-all-broker.kafka.svc.cluster.local:29093", "c-0.kafka.svc.cluster.local:29093"}, TLS: true, Internal: true},
				{Name: "users", Bootstrap: []string{"c-headless.kafka.svc.cluster.local:29094"}, TLS: true, SASL: true, Internal: true},
				{Name: "users-plain", Bootstrap: []string{"c-headless.kafka.svc.cluster.local:29095"}, SASL: true, Internal: true},
			}},
		"Koperator, not ready": {koperator(`{spec: {}}`), nil},
	} {
		got, err := reader(nil, test.objects...).Listeners(t.Context(), types.NamespacedName{Namespace: "kafka", Name: "c"})
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v\n%+v\nwant\n%+v", name, err, got, test.want)
		}
	}
}

func TestListenersUnreadable(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "kafkas"}, "c", errors.New("no"))
	_, err := reader(forbidden).Listeners(t.Context(), types.NamespacedName{Namespace: "kafka", Name: "c"})
	if !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
}
