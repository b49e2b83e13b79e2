// Package forward reaches the brokers of a Kafka cluster from outside of Kubernetes:
// through the apiserver, by its forwarding of ports, so that no listener has to be
// exposed.
package forward

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// world is what a namespace has of hosts.
type world struct {
	namespace string
	pods      []corev1.Pod
	services  []corev1.Service
}

// resolve returns the pod, and the port of it, that answer at an address within
// Kubernetes. A host is a Service of the namespace, the name of a pod or the host
// name that it has in its headless Service, or an IP of one of these.
func (w world) resolve(host string, port int32) (pod *corev1.Pod, at int32, err error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return w.ofIP(ip.String(), port)
	}
	first, rest, _ := strings.Cut(strings.TrimSuffix(host, "."), ".")
	second, _, _ := strings.Cut(rest, ".")
	if rest == "" || second == w.namespace {
		if s := w.service(func(s *corev1.Service) bool { return s.Name == first }); s != nil {
			return w.behind(s, port)
		}
	}
	pod = w.pod(func(p *corev1.Pod) bool {
		return p.Name == first || p.Spec.Hostname == first && (p.Spec.Subdomain == second || second == "")
	})
	if pod == nil {
		return nil, 0, fmt.Errorf("no pod and no Service of namespace %s is known as %s", w.namespace, host)
	}
	return pod, port, nil
}

func (w world) ofIP(ip string, port int32) (*corev1.Pod, int32, error) {
	if s := w.service(func(s *corev1.Service) bool { return slices.Contains(s.Spec.ClusterIPs, ip) }); s != nil {
		return w.behind(s, port)
	}
	has := func(p *corev1.Pod) bool {
		return !p.Spec.HostNetwork && slices.Contains(p.Status.PodIPs, corev1.PodIP{IP: ip}) && !ended(p)
	}
	if pod := w.pod(has); pod != nil {
		return pod, port, nil
	}
	return nil, 0, fmt.Errorf("no pod and no Service of namespace %s has the IP %s", w.namespace, ip)
}

// behind returns a ready pod behind a Service, and the port that the Service sends
// its own port to. A headless one changes no ports.
func (w world) behind(s *corev1.Service, port int32) (*corev1.Pod, int32, error) {
	if len(s.Spec.Selector) == 0 {
		return nil, 0, fmt.Errorf("service %s/%s selects no pods", s.Namespace, s.Name)
	}
	selector := labels.SelectorFromSet(s.Spec.Selector)
	pod := w.pod(func(p *corev1.Pod) bool { return selector.Matches(labels.Set(p.Labels)) && !ended(p) })
	if pod == nil || !ready(pod) {
		return nil, 0, fmt.Errorf("service %s/%s has no ready pod", s.Namespace, s.Name)
	}
	for _, p := range s.Spec.Ports {
		if p.Port == port && s.Spec.ClusterIP != corev1.ClusterIPNone {
			return pod, target(pod, p), nil
		}
	}
	return pod, port, nil
}

// target returns the port of the pod that a Service's port leads to.
func target(pod *corev1.Pod, p corev1.ServicePort) int32 {
	if p.TargetPort.Type == intstr.Int {
		if p.TargetPort.IntVal == 0 {
			return p.Port
		}
		return p.TargetPort.IntVal
	}
	for _, c := range pod.Spec.Containers {
		for _, of := range c.Ports {
			if of.Name == p.TargetPort.StrVal {
				return of.ContainerPort
			}
		}
	}
	return p.Port
}

func (w world) service(is func(*corev1.Service) bool) *corev1.Service {
	for n := range w.services {
		if is(&w.services[n]) {
			return &w.services[n]
		}
	}
	return nil
}

// pod returns a pod, a ready one if there are several.
func (w world) pod(is func(*corev1.Pod) bool) (found *corev1.Pod) {
	for n := range w.pods {
		if p := &w.pods[n]; is(p) && (found == nil || !ready(found)) {
			found = p
		}
	}
	return found
}

func ready(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// ended reports whether the pod has ended: another one may have its IP by now.
func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}
