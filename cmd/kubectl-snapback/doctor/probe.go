package doctor

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// probe is a claim of a broker that there has never been. Nothing comes of it:
// it is created in a dry run, is of no StorageClass, and opted in, so that the
// webhook has something to say.
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
		e.warnings.take()
		err = e.Create(ctx, probe(namespace, rand.String(10)), client.DryRunAll)
		findings = append(findings, judgeProbe(namespace, e.system, off, err, e.warnings.take()))
	}
	return findings, nil
}

// judgeProbe takes what the apiserver answered, and what was said beside it.
func judgeProbe(namespace, system string, off bool, err error, said []string) Finding {
	subject := "Namespace " + namespace
	const away = "the webhook does not answer, so claims of brokers are refused: "
	text := ""
	if err != nil {
		text = strings.Join(strings.Fields(err.Error()), " ")
	}
	switch {
	case strings.Contains(text, "failed calling webhook"):
		return problem(subject, away+text, mend(text, system))
	case strings.Contains(text, "snapback could not"), slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "snapback could not") }):
		return problem(subject, "the webhook answers, but cannot look up snapshots: "+strings.TrimSpace(text+" "+strings.Join(said, " ")),
			"see the checks crds and rights, and kubectl logs -n "+system+" deployment/"+v1alpha1.Installation+" -c webhook")
	case strings.Contains(text, "snapback refuses"), slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "snapback: ") }):
		return ok(subject, "the webhook answers")
	case off:
		return skipped(subject, "the webhook is not asked: the namespace is labelled %s=off", v1alpha1.LabelIntercept)
	case apierrors.IsForbidden(err) && strings.Contains(text, "cannot create resource"):
		return skipped(subject, "you may not create a claim there, which is how the webhook is tried, in a dry run")
	case err != nil:
		return skipped(subject, "the webhook could not be tried, something else refuses a claim there: %s", text)
	}
	return problem(subject, "a claim of a broker is created without the webhook being asked, or without its answer: lost brokers come back empty",
		"see the check webhook-configuration, and kubectl logs -n "+system+" deployment/"+v1alpha1.Installation+" -c webhook")
}

// mend says what to do about a failed call of the webhook.
func mend(text, system string) string {
	has := func(some ...string) bool {
		return slices.ContainsFunc(some, func(s string) bool { return strings.Contains(text, s) })
	}
	switch {
	case has("x509:", "tls:"):
		return "the apiserver does not trust the certificate: see the checks certificate and cert-manager"
	case has("no endpoints available", "connection refused", "not found"):
		return "no replica answers: kubectl describe pods -n " + system + " -l app.kubernetes.io/name=snapback"
	case has("deadline exceeded", "i/o timeout", "no route to host", "Timeout"):
		return "the apiserver does not reach the pods: let the control plane reach TCP 9443 through firewalls and NetworkPolicies of namespace " + system
	}
	return "kubectl logs -n " + system + " deployment/" + v1alpha1.Installation + " -c webhook"
}
