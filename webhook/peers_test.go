package webhook_test

import (
	"maps"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/webhook"
)

// TestClaimsOfAClusterShare keeps what claims have in common once, and of each its own.
func TestClaimsOfAClusterShare(t *testing.T) {
	var keep func(any) (any, error)
	for of, by := range webhook.CacheOptions().ByObject {
		if _, ok := of.(*corev1.PersistentVolumeClaim); ok {
			keep = by.Transform
		}
	}
	kept := func(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
		claim := strimziClaim().Obj()
		claim.Labels = maps.Clone(claim.Labels)
		claim.OwnerReferences = []metav1.OwnerReference{{Kind: "Kafka", Name: "kafka"}}
		change(claim)
		o, err := keep(claim.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		small := o.(*corev1.PersistentVolumeClaim)
		if !maps.Equal(small.Labels, claim.Labels) || !reflect.DeepEqual(small.OwnerReferences, claim.OwnerReferences) || client.ObjectKeyFromObject(small) != client.ObjectKeyFromObject(claim) {
			t.Fatalf("%+v became %+v", claim, small)
		}
		return small
	}
	same := func(a, b *corev1.PersistentVolumeClaim) (labels, owners bool) {
		return reflect.ValueOf(a.Labels).Pointer() == reflect.ValueOf(b.Labels).Pointer(), &a.OwnerReferences[0] == &b.OwnerReferences[0]
	}
	first, second := kept(func(*corev1.PersistentVolumeClaim) {}), kept(func(c *corev1.PersistentVolumeClaim) { c.Name = "another" })
	if labels, owners := same(first, second); !labels || !owners {
		t.Errorf("kept twice: labels %t, owners %t", !labels, !owners)
	}
	relabelled := kept(func(c *corev1.PersistentVolumeClaim) { c.Labels["more"] = "of them" })
	if labels, owners := same(second, relabelled); labels || !owners {
		t.Errorf("other labels: shared %t, owners %t", labels, owners)
	}
	owned := kept(func(c *corev1.PersistentVolumeClaim) { c.OwnerReferences[0].Name = "other" })
	if _, owners := same(relabelled, owned); owners {
		t.Error("another's owner")
	}
}
