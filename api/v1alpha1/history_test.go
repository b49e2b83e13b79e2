package v1alpha1

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestHistoryName(t *testing.T) {
	names := map[string]string{}
	for _, cluster := range []string{"kafka", "my.kafka", "Kafka", "kafka_1", "", strings.Repeat("k", 250), strings.Repeat("k", 251)} {
		name := HistoryName(cluster)
		if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 || !strings.HasPrefix(name, HistoryPrefix) {
			t.Errorf("%q: %q: %v", cluster, name, wrong)
		}
		if other, taken := names[name]; taken {
			t.Errorf("%q and %q have the same name %q", cluster, other, name)
		}
		names[name] = cluster
	}
	if HistoryName("kafka") != "snapback-history-kafka" {
		t.Errorf("%v", names)
	}
}
