package forward

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func pod(name, ip string, change ...func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: name, Labels: map[string]string{"app": "kafka"}}}
	p.Status.PodIPs = []corev1.PodIP{{IP: ip}}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	p.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "tcp-clients", ContainerPort: 9093}}}}
	for _, c := range change {
		c(&p)
	}
	return p
}

func notReady(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }

func labelled(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Labels[key] = value }
}

func named(hostname, subdomain string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Hostname, p.Spec.Subdomain = hostname, subdomain }
}

func service(name, ip string, selector map[string]string, ports ...corev1.ServicePort) corev1.Service {
	s := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: name}}
	s.Spec = corev1.ServiceSpec{ClusterIP: ip, ClusterIPs: []string{ip}, Selector: selector, Ports: ports}
	return s
}

// TestResolve has addresses that brokers of Strimzi, Koperator and charts
// advertise, and that bootstrap Services have.
func TestResolve(t *testing.T) {
	all := map[string]string{"app": "kafka"}
	w := world{namespace: "kafka",
		pods: []corev1.Pod{
			pod("my-cluster-broker-0", "10.0.0.1", labelled("app", "strimzi"), named("my-cluster-broker-0", "my-cluster-kafka-brokers")),
			pod("kafka-0-x7f2p", "10.0.0.2", labelled("brokerId", "0"), notReady),
			pod("kafka-1-b2q9d", "10.0.0.3", labelled("brokerId", "1")),
			pod("kafka-2-c8h4k", "10.0.0.4", labelled("app", "koperator"), named("kafka-2", "kafka-headless")),
			pod("kafka-2-old", "10.0.0.4", labelled("app", "koperator"), func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
			pod("on-its-node", "10.0.0.9", func(p *corev1.Pod) { p.Spec.HostNetwork = true }, labelled("app", "other")),
		},
		services: []corev1.Service{
			service("kafka-1", "10.1.0.1", map[string]string{"brokerId": "1"}, corev1.ServicePort{Port: 29092, TargetPort: intstr.FromInt32(29093)}),
			service("kafka-0", "10.1.0.2", map[string]string{"brokerId": "0"}, corev1.ServicePort{Port: 29092}),
			service("bootstrap", "10.1.0.3", all, corev1.ServicePort{Port: 9092, TargetPort: intstr.FromString("tcp-clients")}, corev1.ServicePort{Port: 9094}),
			service("headless", corev1.ClusterIPNone, all, corev1.ServicePort{Port: 9092, TargetPort: intstr.FromInt32(1)}),
			service("by-hand", "10.1.0.4", nil, corev1.ServicePort{Port: 9092}),
		}}
	for host, want := range map[string]string{
		"my-cluster-broker-0.my-cluster-kafka-brokers.kafka.svc":                "my-cluster-broker-0:9092",
		"my-cluster-broker-0.my-cluster-kafka-brokers.kafka.svc.cluster.local.": "my-cluster-broker-0:9092",
		"my-cluster-broker-0":                   "my-cluster-broker-0:9092",
		"10.0.0.1":                              "my-cluster-broker-0:9092",
		"kafka-1.kafka.svc.cluster.local:29092": "kafka-1-b2q9d:29093",
		"kafka-1.kafka:29092":                   "kafka-1-b2q9d:29093",
		"kafka-1:29092":                         "kafka-1-b2q9d:29093",
		"10.1.0.1:29092":                        "kafka-1-b2q9d:29093",
		"10.1.0.1:29999":                        "kafka-1-b2q9d:29999",
		"kafka-2.kafka-headless.kafka.svc.cluster.local": "kafka-2-c8h4k:9092",
		"10.0.0.4": "kafka-2-c8h4k:9092",
		"kafka-2.other-headless.kafka.svc.cluster.local": "no pod and no Service of namespace kafka is known as kafka-2.other-headless",
		"kafka-0.kafka.svc":        "service kafka/kafka-0 has no ready pod",
		"bootstrap":                "kafka-1-b2q9d:9093",
		"bootstrap.kafka.svc:9094": "kafka-1-b2q9d:9094",
		"headless.kafka.svc":       "kafka-1-b2q9d:9092",
		"by-hand":                  "service kafka/by-hand selects no pods",
		"bootstrap.elsewhere.svc":  "no pod and no Service of namespace kafka is known as bootstrap.elsewhere.svc",
		"kafka.example.com":        "no pod and no Service of namespace kafka is known as kafka.example.com",
		"10.0.0.9":                 "no pod and no Service of namespace kafka has the IP 10.0.0.9",
		"192.0.2.1":                "no pod and no Service of namespace kafka has the IP 192.0.2.1",
	} {
		host, text, given := strings.Cut(host, ":")
		port := int32(9092)
		if given {
			if _, err := fmt.Sscan(text, &port); err != nil {
				t.Fatal(err)
			}
		}
		var got string
		if pod, at, err := w.resolve(host, port); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%s:%d", pod.Name, at)
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s:%d is %s, want %s", host, port, got, want)
		}
	}
}
