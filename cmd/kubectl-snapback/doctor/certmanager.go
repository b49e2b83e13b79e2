package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// injectFrom is the annotation that tells cert-manager whose CA to inject.
const injectFrom = "cert-manager.io/inject-ca-from"

func checkCertManager(ctx context.Context, e *examination) ([]Finding, error) {
	if e.configuration == nil || e.configuration.Annotations[injectFrom] == "" {
		return nil, nil // cert-manager does not make the certificate
	}
	from := e.configuration.Annotations[injectFrom]
	subject := "Certificate " + from
	namespace, name, found := strings.Cut(from, "/")
	if !found {
		return []Finding{problem(configurationSubject, fmt.Sprintf("annotation %s is %q, which names no Certificate", injectFrom, from), "set it to NAMESPACE/NAME of the Certificate")}, nil
	}
	c := &cmapi.Certificate{}
	err := e.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, c)
	if apierrors.IsNotFound(err) {
		return []Finding{problem(subject, "it does not exist, but the CA has to be injected from it", "apply the manifests of Snapback again, or helm upgrade")}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", from, err)
	}
	return []Finding{judgeCertManager(c, e.now())}, nil
}

// late is how long after its renewal time a certificate may still be the old one.
const late = time.Hour

// judgeCertManager judges the status of the Certificate. [judgeCertificate] checks
// whether the CA was injected.
func judgeCertManager(c *cmapi.Certificate, now time.Time) Finding {
	subject := "Certificate " + c.Namespace + "/" + c.Name
	do := fmt.Sprintf("kubectl describe certificate,certificaterequest -n %s, and cert-manager's log", c.Namespace)
	if c.Spec.SecretName != v1alpha1.SecretName {
		return problem(subject, fmt.Sprintf("its Secret is %s, but the webhook uses Secret %s", c.Spec.SecretName, v1alpha1.SecretName), "set spec.secretName to "+v1alpha1.SecretName)
	}
	ready := cmapi.CertificateCondition{Status: cmmeta.ConditionUnknown, Message: "cert-manager has not looked at it"}
	for _, condition := range c.Status.Conditions {
		if condition.Type == cmapi.CertificateConditionReady {
			ready = condition
		}
	}
	end, renewal := c.Status.NotAfter, c.Status.RenewalTime
	switch {
	case ready.Status != cmmeta.ConditionTrue:
		return problem(subject, "it is not ready: "+ready.Message, do)
	case end != nil && now.After(end.Time):
		return problem(subject, "it expired "+duration.HumanDuration(now.Sub(end.Time))+" ago", do)
	case renewal != nil && now.Sub(renewal.Time) > late:
		return warning(subject, "it should have been renewed "+duration.HumanDuration(now.Sub(renewal.Time))+" ago", do)
	case renewal != nil:
		return ok(subject, "it is ready, and is renewed in %s", duration.HumanDuration(renewal.Sub(now)))
	}
	return ok(subject, "it is ready")
}
