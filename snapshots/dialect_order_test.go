package snapshots_test

import (
	"slices"
	"testing"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// The existing dialects keep this order, whatever is added. If one came before
// another, it would take its claims, and their volumes would get other keys.
func TestOrderOfDialects(t *testing.T) {
	want := []string{"explicit", "koperator", "strimzi", "bitnami", "confluent", "cp-helm-charts", "statefulset", "statefulset-recommended"}
	var got []string
	for _, d := range snapshots.Dialects() {
		if slices.Contains(want, d.Name) {
			got = append(got, d.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("dialects are asked in the order %q, want %q", got, want)
	}
}

// A claim that two dialects match belongs to the first one: a claim of Koperator
// with Redpanda's label is still Koperator's.
func TestForeignDialectsComeLast(t *testing.T) {
	claim := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Label("app.kubernetes.io/name", "redpanda")
	if v := identify(t, claim); v.Dialect != "koperator" {
		t.Errorf("dialect %s", v.Dialect)
	}
}

func TestOperator(t *testing.T) {
	for dialect, want := range map[string]snapshots.Operator{
		"koperator": snapshots.OperatorKoperator, "strimzi": snapshots.OperatorStrimzi, "statefulset": "", "explicit": "", "unheard of": "",
	} {
		if got := (snapshots.Volume{Dialect: dialect}).Operator(); got != want {
			t.Errorf("dialect %s: operator %q, want %q", dialect, got, want)
		}
	}
}
