package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/kafka/access"
)

const kafkaFlag = "kafka"

// wantedKafka is spec.kafka as the flags of create describe it.
type wantedKafka struct {
	on, tls          bool
	servers          string
	ca, cert         string
	mechanism, user  string
	maxRecordsAtRisk int64
	system           string
}

func (w *wantedKafka) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&w.on, kafkaFlag, false, "Ask the running Kafka what would be lost; the other flags --kafka-... mean this, too")
	f.StringVar(&w.servers, "kafka-bootstrap-servers", "", "Brokers, host:port with commas between (default: those in the status of Strimzi's or Koperator's resource)")
	f.BoolVar(&w.tls, "kafka-tls", false, "Ask with TLS; the Secrets of certificates mean this, too")
	f.StringVar(&w.ca, "kafka-ca-secret", "", "Secret whose ca.crt the brokers' certificates are checked with (default with Strimzi: what its status says)")
	f.StringVar(&w.cert, "kafka-cert-secret", "", "Secret with the client's certificate: tls.crt and tls.key, or user.crt and user.key")
	f.StringVar(&w.mechanism, "kafka-sasl-mechanism", "", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	f.StringVar(&w.user, "kafka-sasl-secret", "", "Secret with username and password; without a username that is the Secret's name")
	f.Int64Var(&w.maxRecordsAtRisk, "kafka-max-records-at-risk", 0, "How many records may be at risk before an alert fires (default any number)")
	f.StringVar(&w.system, "system-namespace", "", "Snapback's own namespace, whose ServiceAccount may read the Secrets (default: what its webhook configuration says)")
}

// spec returns spec.kafka; nil if no flag asks for it.
func (w *wantedKafka) spec(changed func(flag string) bool) *v1alpha1.KafkaAccess {
	limited := changed("kafka-max-records-at-risk")
	tls := w.tls || w.ca != "" || w.cert != ""
	sasl := w.mechanism != "" || w.user != ""
	if !w.on && w.servers == "" && !tls && !sasl && !limited {
		return nil
	}
	spec := &v1alpha1.KafkaAccess{BootstrapServers: w.servers}
	if tls {
		spec.TLS = &v1alpha1.KafkaTLS{CASecret: w.ca, CertSecret: w.cert}
	}
	if sasl {
		spec.SASL = &v1alpha1.KafkaSASL{Mechanism: w.mechanism, Secret: w.user}
	}
	if limited {
		spec.MaxRecordsAtRisk = ptr.To(w.maxRecordsAtRisk)
	}
	return spec
}

// systemNamespace returns Snapback's own namespace. Where it cannot be asked for,
// it is the one in the manifests.
func (w *wantedKafka) systemNamespace(ctx context.Context, s *session) string {
	if s == nil || w.system != "" {
		return doctor.SystemNamespace(nil, w.system)
	}
	configuration, err := doctor.ReadConfiguration(ctx, s)
	if err != nil {
		configuration = nil
	}
	return doctor.SystemNamespace(configuration, "")
}

// grants returns the objects by which Snapback may read the Secrets of a
// KafkaBackup: none, or a Role and its RoleBinding.
func grants(kb *v1alpha1.KafkaBackup, system string) []client.Object {
	role, binding := access.Rights(kb, system)
	if role == nil {
		return nil
	}
	return []client.Object{role, binding}
}

// grant creates an object of the grants unless it is there already, and returns
// what it did. It goes when its KafkaBackup is deleted.
func (s *session) grant(ctx context.Context, object, backup client.Object, dry dryRun) (what string, err error) {
	gvk := object.GetObjectKind().GroupVersionKind()
	kind := strings.ToLower(gvk.Kind)
	if of := backup.GetObjectKind().GroupVersionKind(); backup.GetUID() != "" && dry == dryRunNone {
		object.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: of.GroupVersion().String(), Kind: of.Kind, Name: backup.GetName(), UID: backup.GetUID()}})
	}
	var options []client.CreateOption
	if dry == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	wanted, _ := object.DeepCopyObject().(client.Object)
	err = s.Create(ctx, object, options...)
	object.GetObjectKind().SetGroupVersionKind(gvk) // the client removes it
	switch {
	case err == nil:
		return "created", nil
	case !apierrors.IsAlreadyExists(err):
		return "", fmt.Errorf("let Snapback read the Secrets, by %s %s/%s: %w", kind, object.GetNamespace(), object.GetName(), err)
	}
	if err := s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return "", fmt.Errorf("read %s %s/%s: %w", kind, object.GetNamespace(), object.GetName(), err)
	}
	object.GetObjectKind().SetGroupVersionKind(gvk)
	if !grantsSame(object, wanted) {
		return "", fmt.Errorf("%s %s exists already, and is another: delete it, and say this again", gvk.Kind, object.GetName())
	}
	return "unchanged", nil
}

// grantsSame reports whether two Roles, or two RoleBindings, give the same rights.
func grantsSame(is, wanted client.Object) bool {
	switch is := is.(type) {
	case *rbacv1.Role:
		return equality.Semantic.DeepEqual(is.Rules, wanted.(*rbacv1.Role).Rules) //nolint:forcetypeassert // of one kind
	case *rbacv1.RoleBinding:
		other := wanted.(*rbacv1.RoleBinding) //nolint:forcetypeassert // of one kind
		return is.RoleRef == other.RoleRef && equality.Semantic.DeepEqual(is.Subjects, other.Subjects)
	}
	return false
}
