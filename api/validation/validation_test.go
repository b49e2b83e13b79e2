package validation_test

import (
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/api/validation"
)

type spec = v1alpha1.KafkaBackupSpec

func good() *spec {
	return &spec{ClusterRef: "kafka", Schedule: "@hourly", VolumeSnapshotClassName: "csi"}
}

func selector(operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: operator, Values: values}}}
}

// TestSpec checks valid and invalid values of each field. Tests with an apiserver check
// that it gives the same answers.
func TestSpec(t *testing.T) {
	const duration = `must be a positive duration such as "12h" or "2h45m" (units ns, us, ms, s, m, h)`
	const servers = `must be host:port, or several with commas between, for example "kafka-0:9092,kafka-1:9092"`
	const zone = "must be an IANA time zone name, for example Europe/Budapest"
	for name, test := range map[string]struct {
		change func(*spec)
		says   string // empty: it is valid
	}{
		"the least":             {func(*spec) {}, ""},
		"all":                   {full, ""},
		"no cluster":            {func(s *spec) { s.ClusterRef = "" }, "spec.clusterRef: should be at least 1 chars long"},
		"a long cluster":        {func(s *spec) { s.ClusterRef = strings.Repeat("x", 254) }, "spec.clusterRef: may not be more than 253 bytes"},
		"no class":              {func(s *spec) { s.VolumeSnapshotClassName = "" }, "spec.volumeSnapshotClassName: should be at least 1 chars long"},
		"no schedule":           {func(s *spec) { s.Schedule = "" }, "spec.schedule: should be at least 1 chars long"},
		"words":                 {func(s *spec) { s.Schedule = "every hour" }, "spec.schedule: must have 5 fields (minute hour day-of-month month day-of-week), or be @hourly, @daily, @weekly, @monthly, @yearly or \"@every <duration>\""},
		"signs":                 {func(s *spec) { s.Schedule = "0 $ * * *" }, "spec.schedule: a cron field holds numbers, names, and the signs * / , - ?"},
		"centuries":             {func(s *spec) { s.Schedule = "@every 99999999h" }, "spec.schedule: @every needs a duration of at least one second, for example \"@every 1h\""},
		"an unknown zone":       {func(s *spec) { s.TimeZone = "Europe/Atlantis" }, "spec.timeZone: " + zone},
		"the pod's zone":        {func(s *spec) { s.TimeZone = "Local" }, "spec.timeZone: " + zone},
		"days":                  {func(s *spec) { s.RetentionTime = "7d" }, "spec.retentionTime: " + duration},
		"zero":                  {func(s *spec) { s.RetentionTime = "0s" }, "spec.retentionTime: " + duration},
		"a retention too long":  {func(s *spec) { s.RetentionTime = "9999999h" }, "spec.retentionTime: " + duration},
		"many bytes":            {func(s *spec) { s.RetentionTime = strings.Repeat("1h", 4000) }, "spec.retentionTime: may not be more than 32 bytes"},
		"jitter without a unit": {func(s *spec) { s.Jitter = "10" }, `spec.jitter: must be a duration such as "10m" or "90s" (units ns, us, ms, s, m, h)`},
		"jitter back in time":   {func(s *spec) { s.Jitter = "-10m" }, `spec.jitter: must be a duration such as "10m" or "90s" (units ns, us, ms, s, m, h)`},
		"promoted at once":      {func(s *spec) { s.PromoteAfter = "0h" }, `spec.promoteAfter: must be a positive duration such as "24h" (units ns, us, ms, s, m, h)`},
		"a count of one":        {func(s *spec) { s.RetentionCount = ptr.To(int32(1)) }, "spec.retentionCount: should be greater than or equal to 2"},
		"a negative deadline":   {func(s *spec) { s.StartingDeadlineSeconds = ptr.To(int64(-1)) }, "spec.startingDeadlineSeconds: should be greater than or equal to 0"},
		"a long deadline":       {func(s *spec) { s.StartingDeadlineSeconds = ptr.To(int64(1e10)) }, "spec.startingDeadlineSeconds: should be less than or equal to 31622400"},
		"an operator":           {func(s *spec) { s.VolumeSelector = selector("Has") }, "spec.volumeSelector: an operator is In or NotIn with values, or Exists or DoesNotExist without"},
		"no values":             {func(s *spec) { s.VolumeSelector = selector("In") }, "spec.volumeSelector: an operator is In or NotIn with values, or Exists or DoesNotExist without"},
		"any broker":            {kafka(v1alpha1.KafkaAccess{}), ""},
		"brokers":               {kafka(v1alpha1.KafkaAccess{BootstrapServers: " a-0.kafka.svc:9092 , 10.0.0.1:1,[fd00::1]:65535"}), ""},
		"a broker and no port":  {kafka(v1alpha1.KafkaAccess{BootstrapServers: "a:9092,b"}), "spec.kafka.bootstrapServers: " + servers},
		"a broker's URL":        {kafka(v1alpha1.KafkaAccess{BootstrapServers: "ssl://a:9093"}), "spec.kafka.bootstrapServers: " + servers},
		"no port that high":     {kafka(v1alpha1.KafkaAccess{BootstrapServers: "a:9092,a:65536"}), "spec.kafka.bootstrapServers: " + servers},
		"one comma too many":    {kafka(v1alpha1.KafkaAccess{BootstrapServers: "a:9092,"}), "spec.kafka.bootstrapServers: " + servers},
		"TLS, nothing more":     {kafka(v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{}}), ""},
		"a path":                {kafka(v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{CASecret: "/etc/ca.crt"}}), "spec.kafka.tls.caSecret: must be the name of a Secret"},
		"another namespace's":   {kafka(v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{CertSecret: "a/b"}}), "spec.kafka.tls.certSecret: must be the name of a Secret"},
		"another mechanism":     {kafka(v1alpha1.KafkaAccess{SASL: &v1alpha1.KafkaSASL{Mechanism: "GSSAPI", Secret: "a"}}), `spec.kafka.sasl.mechanism: supported values: "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"`},
		"no password":           {kafka(v1alpha1.KafkaAccess{SASL: &v1alpha1.KafkaSASL{Mechanism: "PLAIN"}}), "spec.kafka.sasl.secret: must be the name of a Secret"},
		"a negative risk":       {kafka(v1alpha1.KafkaAccess{MaxRecordsAtRisk: ptr.To(int64(-1))}), "spec.kafka.maxRecordsAtRisk: should be greater than or equal to 0"},
		"several": {func(s *spec) { s.ClusterRef, s.Schedule, s.RetentionTime = "", "@never", "-1h" },
			"spec.clusterRef: should be at least 1 chars long\nspec.retentionTime: " + duration + "\n" +
				"spec.schedule: unknown descriptor: use @hourly, @daily, @weekly, @monthly, @yearly or \"@every <duration>\""},
	} {
		s := good()
		test.change(s)
		said := ""
		if err := validation.Spec(s); err != nil {
			said = err.Error()
		}
		if said != test.says {
			t.Errorf("%s:\n%s\nwant\n%s", name, said, test.says)
		}
	}
}

func kafka(access v1alpha1.KafkaAccess) func(*spec) {
	return func(s *spec) { s.Kafka = &access }
}

func full(s *spec) {
	s.Schedule, s.TimeZone, s.RetentionTime, s.PromoteAfter = "*/15 2-6,22 1 JAN-MAR mon", "Europe/Budapest", "2h45m", "48h"
	s.Jitter = "1h30m"
	s.RetentionCount, s.StartingDeadlineSeconds = ptr.To(int32(2)), ptr.To(int64(0))
	s.Suspend, s.ExcludeQuorum = true, true
	s.VolumeSelector = selector("In", "a")
	s.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "a:9092", MaxRecordsAtRisk: ptr.To(int64(0)),
		TLS: &v1alpha1.KafkaTLS{CASecret: "ca", CertSecret: "user.cert"}, SASL: &v1alpha1.KafkaSASL{Mechanism: v1alpha1.MechanismPlain, Secret: "user"}}
}

// TestSpecsAtOnce checks many specs in many goroutines, as the webhook and the
// scheduler of one process do.
func TestSpecsAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				s := good()
				full(s)
				if err := validation.Spec(s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkSpec measures what one more change of a ConfigMap costs.
func BenchmarkSpec(b *testing.B) {
	s := good()
	full(s)
	b.ReportAllocs()
	for b.Loop() {
		if err := validation.Spec(s); err != nil {
			b.Fatal(err)
		}
	}
}
