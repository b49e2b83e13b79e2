package access_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/kafka/operators"
)

var (
	now      = time.Date(2026, 2, 21, 19, 5, 0, 0, time.UTC)
	kindName = schema.GroupVersionKind{Group: "kafka.strimzi.io", Version: "v1", Kind: "Kafka"}
)

const ns = "kafka"

// config asks for the configuration of a KafkaBackup of the cluster "c".
func config(t *testing.T, spec v1alpha1.KafkaAccess, at time.Time, failing map[string]error, objects ...client.Object) (kafka.Config, error) {
	t.Helper()
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if err := failing[key.Name]; err != nil {
				return err
			}
			return c.Get(ctx, key, o, options...)
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("nobody may list")
		},
	}).Build()
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{kindName.GroupVersion()})
	mapper.Add(kindName, meta.RESTScopeNamespace)
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "b"}, Spec: v1alpha1.KafkaBackupSpec{ClusterRef: "c", Kafka: &spec}}
	return access.Config(t.Context(), c, operators.NewReader(c, mapper), kb, at)
}

// strimzi returns a Kafka with a plain listener and, with a CA, one with TLS and
// one with TLS and SCRAM.
func strimzi(ca []byte) *unstructured.Unstructured {
	specs := []any{map[string]any{"name": "outside", "type": "nodeport"}, map[string]any{"name": "plain", "type": "internal"}}
	statuses := []any{map[string]any{"name": "outside", "bootstrapServers": "outside:1"}, map[string]any{"name": "plain", "bootstrapServers": "plain:9092"}}
	if ca != nil {
		specs = append(specs, map[string]any{"name": "tls", "type": "internal", "tls": true, "authentication": map[string]any{"type": "tls"}},
			map[string]any{"name": "scram", "type": "internal", "tls": true, "authentication": map[string]any{"type": "scram-sha-512"}})
		for _, name := range []string{"tls", "scram"} {
			statuses = append(statuses, map[string]any{"name": name, "bootstrapServers": name + ":9093", "certificates": []any{string(ca)}})
		}
	}
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"kafka": map[string]any{"listeners": specs}}, "status": map[string]any{"listeners": statuses}}}
	o.SetGroupVersionKind(kindName)
	o.SetNamespace(ns)
	o.SetName("c")
	return o
}

func withTLS(ca, cert string) v1alpha1.KafkaAccess {
	return v1alpha1.KafkaAccess{BootstrapServers: "a:1", TLS: &v1alpha1.KafkaTLS{CASecret: ca, CertSecret: cert}}
}

func withSASL(mechanism, secret string) v1alpha1.KafkaAccess {
	return v1alpha1.KafkaAccess{BootstrapServers: "a:1", SASL: &v1alpha1.KafkaSASL{Mechanism: mechanism, Secret: secret}}
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	ca := issue(t, "ca", nil, now, now.Add(time.Hour))
	for name, test := range map[string]struct {
		spec    v1alpha1.KafkaAccess
		objects []client.Object
		want    []string
		says    string
	}{
		"as said":              {spec: v1alpha1.KafkaAccess{BootstrapServers: " a:1 ,b:2"}, want: []string{"a:1", "b:2"}},
		"as said, not found":   {spec: v1alpha1.KafkaAccess{BootstrapServers: "a:1"}, objects: []client.Object{strimzi(nil)}, want: []string{"a:1"}},
		"an internal one":      {objects: []client.Object{strimzi(ca.pem)}, want: []string{"plain:9092"}},
		"with TLS":             {spec: v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{}}, objects: []client.Object{strimzi(ca.pem)}, want: []string{"tls:9093"}},
		"no operator":          {says: "no Kafka of Strimzi and no KafkaCluster of Koperator with the name of clusterRef has listeners in its status: set spec.kafka.bootstrapServers"},
		"no listener with TLS": {spec: v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{}}, objects: []client.Object{strimzi(nil)}, says: "the operator has no listener with TLS, which spec.kafka.tls and spec.kafka.sasl ask for, but outside without TLS, plain without TLS: change these, or set spec.kafka.bootstrapServers"},
		"no listener with SASL": {spec: v1alpha1.KafkaAccess{SASL: &v1alpha1.KafkaSASL{}}, objects: []client.Object{strimzi(ca.pem)},
			says: "the operator has no listener with SASL, which spec.kafka.tls and spec.kafka.sasl ask for, but outside without TLS, plain without TLS, tls with TLS, scram with TLS and SASL: change these, or set spec.kafka.bootstrapServers"},
	} {
		c, err := config(t, test.spec, now, nil, test.objects...)
		if !slices.Equal(c.Bootstrap, test.want) {
			t.Errorf("%s: %q, want %q", name, c.Bootstrap, test.want)
		}
		wantProblem(t, name, err, v1alpha1.ReasonNoBootstrapServers, test.says)
	}
	_, err := config(t, v1alpha1.KafkaAccess{}, now, map[string]error{"c": apierrors.NewForbidden(schema.GroupResource{Resource: "kafkas"}, "c", errors.New("no"))})
	wantProblem(t, "forbidden", err, v1alpha1.ReasonNoBootstrapServers, `where the brokers listen cannot be read: read kafka kafka/c: kafkas "c" is forbidden: no; set spec.kafka.bootstrapServers`)
}

// wantProblem checks the error of Config; no text: there must be none.
func wantProblem(t *testing.T, name string, err error, reason, says string) {
	t.Helper()
	if says == "" {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	if p := access.Explain(err); p.Reason != reason || p.Message != says {
		t.Errorf("%s: %s %q\nwant %s %q", name, p.Reason, p.Message, reason, says)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	soon, later := now.Add(time.Hour), now.Add(1000*time.Hour)
	ca := issue(t, "ca", nil, now.Add(-time.Hour), later)
	renewed := issue(t, "ca", nil, now.Add(-time.Hour), soon)
	user := issue(t, "user", ca, now.Add(-time.Hour), soon)
	other := issue(t, "user", ca, now.Add(-time.Hour), soon)
	objects := []client.Object{
		secret("ca", map[string][]byte{"ca.crt": ca.pem}),
		secret("both-cas", map[string][]byte{"ca.crt": slices.Concat(renewed.pem, ca.pem)}),
		secret("short-ca", map[string][]byte{"ca.crt": renewed.pem}),
		secret("no-ca", map[string][]byte{"ca.crt": []byte("hello")}),
		secret("empty", nil),
		secret("user", map[string][]byte{"tls.crt": user.pem, "tls.key": user.pemOfKey}),
		secret("strimzi-user", map[string][]byte{"ca.crt": ca.pem, "user.crt": user.pem, "user.key": user.pemOfKey}),
		secret("no-key", map[string][]byte{"user.crt": user.pem}),
		secret("mixed", map[string][]byte{"tls.crt": user.pem, "tls.key": other.pemOfKey}),
		secret("password", map[string][]byte{"password": []byte("p")}),
	}
	failing := map[string]error{
		"secret": apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "secret", errors.New(`User "system:serviceaccount:s:snapback" cannot get resource "secrets"`)),
		"slow":   apierrors.NewTimeoutError("etcd is slow", 1),
	}
	const unreadable, expired = v1alpha1.ReasonSecretUnreadable, v1alpha1.ReasonCertificateExpired
	for name, test := range map[string]struct {
		spec         v1alpha1.KafkaAccess
		at           time.Time
		reason, says string
	}{
		"TLS, the system's CAs":     {spec: withTLS("", "")},
		"TLS and a CA":              {spec: withTLS("ca", "")},
		"TLS and a certificate":     {spec: withTLS("ca", "user")},
		"a certificate of Strimzi":  {spec: withTLS("ca", "strimzi-user")},
		"one of two CAs is valid":   {spec: withTLS("both-cas", ""), at: soon.Add(time.Second)},
		"SASL":                      {spec: withSASL("PLAIN", "password")},
		"no such Secret":            {spec: withTLS("missing", ""), reason: unreadable, says: "Secret kafka/missing does not exist: create it, or correct spec.kafka.tls.caSecret"},
		"no such client's Secret":   {spec: withTLS("ca", "missing"), reason: unreadable, says: "Secret kafka/missing does not exist: create it, or correct spec.kafka.tls.certSecret"},
		"no such password":          {spec: withSASL("PLAIN", "missing"), reason: unreadable, says: "Secret kafka/missing does not exist: create it, or correct spec.kafka.sasl.secret"},
		"no right":                  {spec: withTLS("secret", ""), reason: unreadable, says: `Secret kafka/secret may not be read (secrets "secret" is forbidden: User "system:serviceaccount:s:snapback" cannot get resource "secrets"): allow it by a Role, "kubectl snapback doctor -n kafka" says how`},
		"a slow apiserver":          {spec: withSASL("PLAIN", "slow"), reason: unreadable, says: "Secret kafka/slow could not be read: Timeout: etcd is slow"},
		"no key for a CA":           {spec: withTLS("empty", ""), reason: unreadable, says: "Secret kafka/empty has no certificates under the key ca.crt: the key ca.crt is missing or empty"},
		"a CA that is none":         {spec: withTLS("no-ca", ""), reason: unreadable, says: "Secret kafka/no-ca has no certificates under the key ca.crt: data does not contain any valid RSA or ECDSA certificates"},
		"no certificate":            {spec: withTLS("ca", "empty"), reason: unreadable, says: "Secret kafka/empty has no client certificate: the key tls.crt is missing or empty"},
		"no key of the certificate": {spec: withTLS("ca", "no-key"), reason: unreadable, says: "Secret kafka/no-key has no client certificate: the key user.key is missing or empty"},
		"another's key":             {spec: withTLS("ca", "mixed"), reason: unreadable, says: "Secret kafka/mixed has no client certificate under the keys tls.crt and tls.key: tls: private key does not match public key"},
		"no password":               {spec: withSASL("PLAIN", "ca"), reason: unreadable, says: "Secret kafka/ca has no password: the key password is missing or empty"},
		"an expired CA":             {spec: withTLS("short-ca", ""), at: soon.Add(time.Second), reason: expired, says: "the certificate in Secret kafka/short-ca under the key ca.crt is valid only until 2026-02-21T20:05:00Z: renew it"},
		"an expired certificate":    {spec: withTLS("ca", "strimzi-user"), at: soon.Add(time.Second), reason: expired, says: "the certificate in Secret kafka/strimzi-user under the key user.crt is valid only until 2026-02-21T20:05:00Z: renew it"},
		"a future certificate":      {spec: withTLS("ca", "user"), at: now.Add(-61 * time.Minute), reason: expired, says: "the certificate in Secret kafka/ca under the key ca.crt is valid only from 2026-02-21T18:05:00Z on: renew it"},
	} {
		if test.at.IsZero() {
			test.at = now
		}
		c, err := config(t, test.spec, test.at, failing, objects...)
		wantProblem(t, name, err, test.reason, test.says)
		if err != nil {
			continue
		}
		tls, sasl := test.spec.TLS, test.spec.SASL
		if (c.TLS != nil) != (tls != nil) || (c.SASL != nil) != (sasl != nil) {
			t.Errorf("%s: %+v", name, c)
		}
		if tls != nil && ((c.TLS.RootCAs != nil) != (tls.CASecret != "") || (len(c.TLS.Certificates) == 1) != (tls.CertSecret != "")) {
			t.Errorf("%s: %+v", name, c.TLS)
		}
	}
}

// TestForbiddenIsTold lets a caller find out that it is a right that is missing.
func TestForbiddenIsTold(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "ca", errors.New("no"))
	if _, err := config(t, withTLS("ca", ""), now, map[string]error{"ca": forbidden}); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
}

// TestOperatorsCA takes the certificates that Strimzi's status has for the listener,
// unless a Secret is named.
func TestOperatorsCA(t *testing.T) {
	t.Parallel()
	ca, own := issue(t, "strimzi", nil, now, now.Add(time.Hour)), issue(t, "own", nil, now, now.Add(time.Hour))
	objects := []client.Object{strimzi(ca.pem), secret("ca", map[string][]byte{"ca.crt": own.pem})}
	for name, test := range map[string]struct {
		servers string
		secret  string
		want    *issued
	}{
		"found": {want: ca}, "addresses given": {servers: "a:1", want: ca}, "a Secret": {secret: "ca", want: own}, "both given": {servers: "a:1", secret: "ca", want: own},
	} {
		c, err := config(t, v1alpha1.KafkaAccess{BootstrapServers: test.servers, TLS: &v1alpha1.KafkaTLS{CASecret: test.secret}}, now, nil, objects...)
		if err != nil || c.TLS.RootCAs == nil {
			t.Errorf("%s: %v, %+v", name, err, c.TLS)
			continue
		}
		if !c.TLS.RootCAs.Equal(test.want.pool()) {
			t.Errorf("%s: another CA", name)
		}
	}
}

// TestUser sends the user and the password of a Secret.
func TestUser(t *testing.T) {
	t.Parallel()
	objects := []client.Object{
		secret("both", map[string][]byte{"username": []byte("alice"), "password": []byte("secret")}),
		secret("bob", map[string][]byte{"password": []byte("secret"), "sasl.jaas.config": []byte("x")}),
	}
	for _, test := range []struct{ mechanism, secret, sends string }{
		{"PLAIN", "both", "\x00alice\x00secret"},
		{"PLAIN", "bob", "\x00bob\x00secret"},
		{"SCRAM-SHA-256", "both", "n,,n=alice,r="},
		{"SCRAM-SHA-512", "bob", "n,,n=bob,r="},
	} {
		c, err := config(t, withSASL(test.mechanism, test.secret), now, nil, objects...)
		if err != nil {
			t.Error(err)
			continue
		}
		_, first, err := c.SASL.Authenticate(t.Context(), "a:1")
		if err != nil || c.SASL.Name() != test.mechanism || !strings.HasPrefix(string(first), test.sends) {
			t.Errorf("%+v: %s sends %q, %v", test, c.SASL.Name(), first, err)
		}
	}
}
