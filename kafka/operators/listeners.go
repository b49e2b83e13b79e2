package operators

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Listener is a listener of a cluster's brokers, as the operator's resource has it
// in its status.
type Listener struct {
	Name      string
	Bootstrap []string // host:port
	TLS       bool
	SASL      bool   // its clients authenticate by SASL
	Internal  bool   // for clients in the Kubernetes cluster
	CA        []byte // certificates, as PEM, that those of its brokers are checked with; nil: the operator does not say
}

// Listeners returns the listeners of a Kafka cluster that have addresses. There are
// none if no operator has a resource with that name, or has not written them yet.
func (r *Reader) Listeners(ctx context.Context, cluster types.NamespacedName) ([]Listener, error) {
	var all []Listener
	var errs []error
	for _, operator := range slices.Sorted(maps.Keys(knowledge)) {
		some, err := knowledge[operator].listeners(ctx, r, cluster)
		all, errs = append(all, some...), append(errs, err)
	}
	if len(all) > 0 { // another operator's API does not matter
		return all, nil
	}
	return nil, errors.Join(errs...)
}

// strimziListeners joins the addresses in the status with the types in the spec, by
// the names of the listeners. Only listeners with TLS have certificates in the
// status.
// Source: strimzi-kafka-operator, KafkaListenersReconciler.
func strimziListeners(ctx context.Context, r *Reader, cluster types.NamespacedName) ([]Listener, error) {
	kafka, err := r.get(ctx, groupStrimzi, "Kafka", cluster)
	if err != nil || kafka == nil {
		return nil, err
	}
	// What has another form is unknown.
	specs := byName(kafka, "spec", "kafka", "listeners")
	statuses, _, _ := unstructured.NestedSlice(kafka.Object, "status", "listeners")
	var all []Listener
	for _, s := range statuses {
		status, _ := s.(map[string]any)
		name, _, _ := unstructured.NestedString(status, "name")
		l := Listener{Name: name, Bootstrap: strimziAddresses(status)}
		certificates, _, _ := unstructured.NestedStringSlice(status, "certificates")
		if len(certificates) > 0 {
			l.CA = []byte(strings.Join(certificates, "\n"))
		}
		spec := specs[name]
		tls, _, _ := unstructured.NestedBool(spec, "tls")
		kind, _, _ := unstructured.NestedString(spec, "type")
		l.TLS = tls || l.CA != nil
		l.SASL = strimziSASL(spec)
		l.Internal = kind == "internal" || kind == "cluster-ip"
		if len(l.Bootstrap) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}

// strimziAddresses returns the addresses of a listener: its bootstrapServers, which
// releases before 0.20 do not have.
func strimziAddresses(status map[string]any) (all []string) {
	if servers, _, _ := unstructured.NestedString(status, "bootstrapServers"); servers != "" {
		return strings.Split(servers, ",")
	}
	addresses, _, _ := unstructured.NestedSlice(status, "addresses")
	for _, a := range addresses {
		address, _ := a.(map[string]any)
		host, _, _ := unstructured.NestedString(address, "host")
		port, _, _ := unstructured.NestedInt64(address, "port")
		if host != "" {
			all = append(all, net.JoinHostPort(host, strconv.FormatInt(port, 10)))
		}
	}
	return all
}

// strimziSASL reports whether the clients of a listener authenticate by SASL: all
// do but those with certificates. Only for "custom" there is a field that says it.
func strimziSASL(spec map[string]any) bool {
	kind, _, _ := unstructured.NestedString(spec, "authentication", "type")
	if kind == "custom" {
		sasl, _, _ := unstructured.NestedBool(spec, "authentication", "sasl")
		return sasl
	}
	return kind != "" && kind != "tls"
}

// koperatorListeners joins the addresses in the status with the protocols in the
// spec, by the names of the listeners. Each has one address for all brokers, and one
// for each broker. Listeners of controllers are not among them.
// Source: koperator, pkg/k8sutil, CreateInternalListenerStatuses.
func koperatorListeners(ctx context.Context, r *Reader, cluster types.NamespacedName) ([]Listener, error) {
	kafka, err := r.get(ctx, groupKoperator, "KafkaCluster", cluster)
	if err != nil || kafka == nil {
		return nil, err
	}
	// What has another form is unknown.
	specs := byName(kafka, "spec", "listenersConfig", "internalListeners")
	statuses, _, _ := unstructured.NestedMap(kafka.Object, "status", "listenerStatuses", "internalListeners")
	var all []Listener
	for _, name := range slices.Sorted(maps.Keys(statuses)) {
		l := Listener{Name: name, Internal: true}
		addresses, _, _ := unstructured.NestedSlice(statuses, name)
		for _, a := range addresses {
			of, _ := a.(map[string]any)
			if address, _, _ := unstructured.NestedString(of, "address"); address != "" {
				l.Bootstrap = append(l.Bootstrap, address)
			}
		}
		protocol, _, _ := unstructured.NestedString(specs[name], "type")
		l.TLS = strings.HasSuffix(protocol, "ssl")
		l.SASL = strings.HasPrefix(protocol, "sasl")
		if len(l.Bootstrap) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}

// byName returns the objects of a list by their field "name".
func byName(o *unstructured.Unstructured, fields ...string) map[string]map[string]any {
	list, _, _ := unstructured.NestedSlice(o.Object, fields...)
	all := map[string]map[string]any{}
	for _, item := range list {
		of, _ := item.(map[string]any)
		if name, _, _ := unstructured.NestedString(of, "name"); name != "" {
			all[name] = of
		}
	}
	return all
}
