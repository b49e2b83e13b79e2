package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestInternal takes the right to list snapshots away for a moment: while it
// cannot be known whether there are any, a claim is refused, and never "new".
// It runs alone, since all tests share the rights.
func TestInternal(t *testing.T) {
	c := apiClient(t)
	ns := newNamespace(t, c, map[string]string{v1alpha1.AnnotationRestore: "latest"})
	ask := func(ctx context.Context) error {
		claim := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(ns).Class(cluster.StorageClass).Obj()
		return c.Create(ctx, claim, client.DryRunAll)
	}
	if err := ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := c.Get(t.Context(), client.ObjectKey{Name: "snapback"}, &role); err != nil {
		t.Fatal(err)
	}
	less := role.DeepCopy()
	for i, rule := range less.Rules {
		if slices.Contains(rule.Resources, "volumesnapshots") {
			less.Rules[i].Verbs = slices.DeleteFunc(rule.Verbs, func(v string) bool { return v == "list" })
		}
	}
	if err := c.Patch(t.Context(), less, client.MergeFrom(&role)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		all := less.DeepCopy()
		all.Rules = role.Rules
		if err := c.Update(context.Background(), all); err != nil {
			t.Fatal(err)
		}
		eventually(t, ask)
	}()
	eventually(t, func(ctx context.Context) error {
		err := ask(ctx)
		if !isCode(err, http.StatusServiceUnavailable) || !contains(err, "try again") {
			return fmt.Errorf("503 and \"try again\" expected, got %w", err)
		}
		return nil
	})
}

func isCode(err error, code int32) bool {
	status, ok := err.(apierrors.APIStatus)
	return ok && status.Status().Code == code
}
