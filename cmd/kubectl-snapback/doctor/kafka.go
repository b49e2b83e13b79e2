package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/kafka/operators"
)

// asking is what was read of how the Kafka of a KafkaBackup is asked.
type asking struct {
	servers   []string // addresses of brokers
	unready   error    // why it cannot be asked now
	unready14 error    // the same, in 14 days
	forbidden []string // Secrets that Snapback may not read
}

// checkKafka looks at each KafkaBackup with spec.kafka: whether Snapback may read
// its Secrets, whether they are good, and what the scheduler says of the answers.
func checkKafka(ctx context.Context, e *examination) ([]Finding, error) {
	var findings []Finding
	for _, b := range e.inventory.Backups {
		if b.Mistake != nil || b.Spec.Kafka == nil {
			continue
		}
		a, err := e.asking(ctx, b.KafkaBackup)
		if err != nil {
			return findings, err
		}
		findings = append(findings, judgeKafka(b, a, e.system)...)
	}
	return findings, nil
}

// asking reads with the rights of the plugin's user, and asks the apiserver for those
// of Snapback.
func (e *examination) asking(ctx context.Context, kb *v1alpha1.KafkaBackup) (asking, error) {
	var a asking
	op := operators.NewReader(e, e.RESTMapper())
	config, err := access.Config(ctx, e, op, kb, e.now())
	if a.servers, a.unready = config.Bootstrap, err; err == nil {
		_, a.unready14 = access.Config(ctx, e, op, kb, e.now().Add(soon))
	}
	for _, name := range access.Secrets(kb.Spec.Kafka) {
		asked := review(e.system, authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets", Name: name, Namespace: kb.Namespace})
		if err := e.Create(ctx, asked); err != nil {
			return a, fmt.Errorf("ask whether Snapback may read secret %s/%s: %w", kb.Namespace, name, err)
		}
		if !asked.Status.Allowed {
			a.forbidden = append(a.forbidden, name)
		}
	}
	return a, nil
}

// judgeKafka judges how the Kafka of a KafkaBackup is asked.
func judgeKafka(b inventory.Backup, a asking, system string) []Finding {
	subject := subjectOf(b)
	var findings []Finding
	if len(a.forbidden) > 0 {
		findings = append(findings, problem(subject, "Snapback may not read Secret "+several(a.forbidden)+", so that Kafka is not asked", howToGrant(b.KafkaBackup, system)))
	}
	findings = append(findings, judgeAccess(subject, b, a)...)
	if sasl := b.Spec.Kafka.SASL; sasl != nil && sasl.Mechanism == v1alpha1.MechanismPlain && b.Spec.Kafka.TLS == nil {
		findings = append(findings, warning(subject, "the password is sent readable for whoever is between: PLAIN without TLS", "set spec.kafka.tls, or use SCRAM"))
	}
	observed := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionKafkaObserved)
	switch {
	case observed == nil:
		findings = append(findings, warning(subject, "the scheduler has not asked Kafka yet", "wait for a minute, then see the check \"scheduler\""))
	case observed.Status != metav1.ConditionTrue:
		findings = append(findings, problem(subject, "Kafka was not asked, "+observed.Reason+": "+oneLine(observed.Message), "see docs/kafka.md"))
	case observed.Reason != v1alpha1.ReasonObserved:
		findings = append(findings, warning(subject, observed.Reason+": "+oneLine(observed.Message), "look at these brokers"))
	}
	return unless(findings, ok(subject, "Kafka is asked at %s", several(a.servers)))
}

// judgeAccess judges the Secrets and addresses, as far as the plugin's user may read
// them.
func judgeAccess(subject string, b inventory.Backup, a asking) []Finding {
	edit := "see docs/kafka.md, and kubectl edit " + objectOf(b)
	var will access.Problem
	switch {
	case apierrors.IsForbidden(a.unready):
		return []Finding{skipped(subject, "whether what spec.kafka names is good was not looked at: %s", oneLine(errors.Unwrap(a.unready).Error()))}
	case a.unready != nil:
		return []Finding{problem(subject, a.unready.Error(), edit)}
	case errors.As(a.unready14, &will) && will.Reason == v1alpha1.ReasonCertificateExpired:
		return []Finding{warning(subject, will.Message, "see who renews it")}
	}
	return nil
}

// howToGrant returns the commands that make the Role and the RoleBinding.
func howToGrant(kb *v1alpha1.KafkaBackup, system string) string {
	role, binding := access.Rights(kb, system)
	resources := ""
	for _, name := range role.Rules[0].ResourceNames {
		resources += " --resource-name=" + name
	}
	account := binding.Subjects[0]
	return fmt.Sprintf("kubectl create role %s -n %s --verb=get --resource=secrets%s && kubectl create rolebinding %s -n %s --role=%s --serviceaccount=%s:%s",
		role.Name, role.Namespace, resources, binding.Name, binding.Namespace, role.Name, account.Namespace, account.Name)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
