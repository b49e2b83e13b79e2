package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/snapshots"
)

// asksKafka returns a KafkaBackup with this spec.kafka, and a condition unless the
// reason is empty.
func asksKafka(spec v1alpha1.KafkaAccess, status metav1.ConditionStatus, reason, message string) inventory.Backup {
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "b"}, Spec: v1alpha1.KafkaBackupSpec{Kafka: &spec}}
	if reason != "" {
		kb.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionKafkaObserved, Status: status, Reason: reason, Message: message}}
	}
	return inventory.Backup{KafkaBackup: kb, Parsed: snapshots.Backup{}}
}

func TestKafka(t *testing.T) {
	secret := v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{CASecret: "ca"}}
	plain := v1alpha1.KafkaAccess{SASL: &v1alpha1.KafkaSASL{Mechanism: "PLAIN", Secret: "user"}}
	forbidden := access.Problem{Reason: v1alpha1.ReasonSecretUnreadable, Err: apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "ca", errors.New("no"))}
	gone := access.Problem{Reason: v1alpha1.ReasonSecretUnreadable, Message: "Secret kafka/ca does not exist: create it"}
	expired := access.Problem{Reason: v1alpha1.ReasonCertificateExpired, Message: "the certificate in Secret kafka/ca is valid only until T: renew it"}
	observed := func(spec v1alpha1.KafkaAccess) inventory.Backup {
		return asksKafka(spec, metav1.ConditionTrue, v1alpha1.ReasonObserved, "")
	}
	for name, test := range map[string]struct {
		backup inventory.Backup
		asking asking
		state  State
		says   string
	}{
		"well":          {observed(secret), asking{servers: []string{"a:1", "b:2"}}, OK, "KafkaBackup kafka/b: Kafka is asked at a:1, b:2"},
		"no right":      {observed(secret), asking{forbidden: []string{"ca"}}, Problem, "Snapback may not read Secret ca"},
		"not ours":      {observed(secret), asking{unready: forbidden}, Skipped, `was not looked at: secrets "ca" is forbidden: no`},
		"no Secret":     {observed(secret), asking{unready: gone}, Problem, "Secret kafka/ca does not exist: create it"},
		"expired":       {observed(secret), asking{unready: expired}, Problem, "the certificate in Secret kafka/ca is valid only until T"},
		"soon expired":  {observed(secret), asking{unready14: expired}, Warning, "the certificate in Secret kafka/ca is valid only until T"},
		"soon deleted":  {observed(secret), asking{unready14: gone}, OK, "Kafka is asked"}, // it was deleted in between
		"readable":      {observed(plain), asking{}, Warning, "PLAIN without TLS"},
		"not asked":     {asksKafka(secret, "", "", ""), asking{}, Warning, "the scheduler has not asked Kafka yet"},
		"no answer":     {asksKafka(secret, metav1.ConditionFalse, v1alpha1.ReasonTimedOut, "no broker\nanswered"), asking{}, Problem, "Kafka was not asked, TimedOut: no broker answered"},
		"some answered": {asksKafka(secret, metav1.ConditionTrue, v1alpha1.ReasonPartlyAnswered, "broker 2"), asking{}, Warning, "PartlyAnswered: broker 2"},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, judgeKafka(test.backup, test.asking, "system"), test.state, test.says)
		})
	}
}

// TestHowToGrant pins the commands, which people copy.
func TestHowToGrant(t *testing.T) {
	spec := v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{CASecret: "ca", CertSecret: "user"}}
	got := judgeKafka(asksKafka(spec, "", "", ""), asking{forbidden: []string{"ca"}}, "system")[0].Do
	if got != "kubectl create role snapback-b -n kafka --verb=get --resource=secrets --resource-name=ca --resource-name=user"+
		" && kubectl create rolebinding snapback-b -n kafka --role=snapback-b --serviceaccount=system:snapback" {
		t.Error(got)
	}
}

// TestCheckKafka reads what the judging needs: only of KafkaBackups that ask Kafka.
func TestCheckKafka(t *testing.T) {
	ca := newAuthority(t, now.Add(7*24*time.Hour))
	objects := []client.Object{&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "ca"}, Data: map[string][]byte{"ca.crt": ca.pem}}}
	var asked []string
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			r := o.(*authorizationv1.SubjectAccessReview)
			asked = append(asked, r.Spec.User+" "+words(r.Spec.ResourceAttributes)+" -n "+r.Spec.ResourceAttributes.Namespace)
			r.Status.Allowed = r.Spec.ResourceAttributes.Name == "ca"
			return nil
		},
	}).Build()
	asks := func(ca, cert string) inventory.Backup {
		return asksKafka(v1alpha1.KafkaAccess{BootstrapServers: "a:1", TLS: &v1alpha1.KafkaTLS{CASecret: ca, CertSecret: cert}}, metav1.ConditionTrue, v1alpha1.ReasonObserved, "")
	}
	not := asks("other", "")
	not.Spec.Kafka = nil
	wrong := asks("other", "")
	wrong.Mistake = errors.New("wrong")
	e := &examination{Client: c, clock: &clock{}, local: func() time.Time { return now }, system: "system",
		inventory: &inventory.Inventory{Backups: []inventory.Backup{asks("ca", ""), asks("ca", "user"), not, wrong}}}
	got, err := checkKafka(t.Context(), e)
	if err != nil || len(got) != 3 {
		t.Fatalf("found %+v, %v", got, err)
	}
	want(t, got[:1], Warning, "the certificate in Secret kafka/ca under the key ca.crt is valid only until 2026-02-28T19:05:33Z: renew it")
	want(t, got[1:2], Problem, "Snapback may not read Secret user")
	want(t, got[2:], Problem, "Secret kafka/user does not exist: create it, or correct spec.kafka.tls.certSecret")
	const user = "system:serviceaccount:system:snapback get secrets "
	if said := strings.Join(asked, "\n"); said != user+"ca -n kafka\n"+user+"ca -n kafka\n"+user+"user -n kafka" {
		t.Error(said)
	}
}
