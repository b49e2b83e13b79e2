package doctor

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
)

// probe returns a claim of a broker that has never existed. It is opted in, so
// that the webhook answers with a warning. Nothing is provisioned: it has no
// StorageClass, and is created in a dry run.
func probe(namespace, broker string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "snapback-doctor-" + broker,
			Labels:      map[string]string{v1alpha1.LabelCluster: "snapback-doctor", v1alpha1.LabelBroker: broker},
			Annotations: map[string]string{v1alpha1.AnnotationRestore: v1alpha1.ValueLatest},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(""),
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		},
	}
}

func checkProbe(ctx context.Context, e *examination) ([]Finding, error) {
	namespaces := e.namespaces()
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceDefault}
	}
	var findings []Finding
	for _, namespace := range namespaces {
		labels, err := e.labels(ctx, namespace)
		off := err == nil && labels[v1alpha1.LabelIntercept] == v1alpha1.ValueOff
		answer := rehearsal.Ask(ctx, e, probe(namespace, rand.String(10)))
		findings = append(findings, judgeProbe(namespace, e.system, off, answer))
	}
	return findings, nil
}

// judgeProbe judges the answer of the apiserver and the webhook.
func judgeProbe(namespace, system string, off bool, answer rehearsal.Answer) Finding {
	subject := "Namespace " + namespace
	text := strings.Join(answer.Says, " ")
	switch {
	case answer.Outcome == rehearsal.Away:
		return problem(subject, "the webhook does not answer, so claims of brokers are refused: "+text, mend(text, system))
	case answer.Reason == v1alpha1.ReasonInternal:
		return problem(subject, "the webhook answers, but cannot look up snapshots: "+text,
			"see the checks \"crds\" and \"rights\", and kubectl logs -n "+system+" deployment/"+v1alpha1.Installation+" -c webhook")
	case answer.Reason != "":
		return ok(subject, "the webhook answers")
	case off:
		return skipped(subject, "the webhook is not asked: the namespace is labelled %s=off", v1alpha1.LabelIntercept)
	case answer.Outcome == rehearsal.NotAllowed:
		return skipped(subject, "the webhook could not be tried: that takes the right to create claims there, in a dry run")
	case !answer.Admitted():
		return skipped(subject, "the webhook could not be tried: something else refuses claims there: %s", text)
	}
	return problem(subject, "a claim of a broker is created although the webhook was not asked, or did not answer: lost brokers come back empty",
		"see the check \"webhook-configuration\", and kubectl logs -n "+system+" deployment/"+v1alpha1.Installation+" -c webhook")
}

// mend returns what to do about a failed call of the webhook.
func mend(text, system string) string {
	has := func(some ...string) bool {
		return slices.ContainsFunc(some, func(s string) bool { return strings.Contains(text, s) })
	}
	switch {
	case has("x509:", "tls:"):
		return "the apiserver does not trust the certificate: see the checks \"certificate\" and \"cert-manager\""
	case has("no endpoints available", "connection refused", "not found"):
		return "no replica answers: kubectl describe pods -n " + system + " -l app.kubernetes.io/name=snapback"
	case has("deadline exceeded", "i/o timeout", "no route to host", "Timeout"):
		return "the apiserver does not reach the pods: open TCP port 9443 to the control plane in firewalls and in the NetworkPolicies of namespace " + system
	}
	return "kubectl logs -n " + system + " deployment/" + v1alpha1.Installation + " -c webhook"
}
