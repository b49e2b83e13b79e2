package rehearsal_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var (
	claims   = schema.GroupResource{Resource: "persistentvolumeclaims"}
	restored = v1alpha1.Warning(v1alpha1.ReasonRestored, "good", "in whatever words")
	aged     = v1alpha1.Warning(v1alpha1.ReasonRestored, "", "VolumeSnapshot bad is old")
)

func forbidden(why string) error {
	return apierrors.NewForbidden(claims, "data-kafka-0", errors.New(why))
}

// denied is the error of a webhook that refuses a claim.
func denied(code int32, causes ...metav1.StatusCause) error {
	s := metav1.Status{Status: metav1.StatusFailure, Code: code, Message: `admission webhook "x" denied the request: no`}
	if causes != nil {
		s.Details = &metav1.StatusDetails{Causes: causes}
	}
	return &apierrors.StatusError{ErrStatus: s}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	refused := v1alpha1.Cause(v1alpha1.ReasonTooSmall, "it needs more")
	tests := map[string]struct {
		err      error
		warnings []string
		written  map[string]string // annotations, by the webhook
		chosen   bool              // a source, by the creator
		want     rehearsal.Answer
	}{
		"restored": {nil, []string{restored, aged}, map[string]string{v1alpha1.AnnotationRestoredFrom: "good"}, false,
			rehearsal.Answer{Outcome: rehearsal.Created, Reason: v1alpha1.ReasonRestored, Snapshot: "good", Says: []string{restored, aged}}},
		"empty": {nil, []string{"an old API", v1alpha1.Warning(v1alpha1.ReasonNoSnapshot, "", "empty")}, nil, false,
			rehearsal.Answer{Outcome: rehearsal.Created, Reason: v1alpha1.ReasonNoSnapshot, Says: []string{"an old API"}}},
		"silent":      {nil, nil, nil, false, rehearsal.Answer{Outcome: rehearsal.Created}},
		"others only": {nil, []string{"an old API"}, nil, false, rehearsal.Answer{Outcome: rehearsal.Created, Says: []string{"an old API"}}},
		"chosen":      {nil, nil, nil, true, rehearsal.Answer{Outcome: rehearsal.LeftAlone, Reason: v1alpha1.ReasonDataSourceSet}},
		"exists": {apierrors.NewAlreadyExists(claims, "data-kafka-0"), []string{restored}, nil, false,
			rehearsal.Answer{Outcome: rehearsal.Exists, Reason: v1alpha1.ReasonRestored, Snapshot: "good", Says: []string{restored}}},
		"exists, chosen": {apierrors.NewAlreadyExists(claims, "data-kafka-0"), nil, nil, true,
			rehearsal.Answer{Outcome: rehearsal.LeftAlone, Reason: v1alpha1.ReasonDataSourceSet}},
		"quota": {forbidden("exceeded quota: small"), []string{restored}, nil, false,
			rehearsal.Answer{Outcome: rehearsal.OverQuota, Reason: v1alpha1.ReasonRestored, Snapshot: "good", Says: []string{restored}}},
		"refused": {denied(http.StatusForbidden, metav1.StatusCause{Type: "Theirs"}, refused), nil, nil, false,
			rehearsal.Answer{Outcome: rehearsal.Refused, Reason: v1alpha1.ReasonTooSmall, Says: []string{"it needs more"}}},
		"cannot look up": {denied(http.StatusServiceUnavailable, v1alpha1.Cause(v1alpha1.ReasonInternal, "try again")), nil, nil, false,
			rehearsal.Answer{Outcome: rehearsal.Refused, Reason: v1alpha1.ReasonInternal, Says: []string{"try again"}}},
		"refused by another webhook": {denied(http.StatusBadRequest), []string{restored}, nil, false,
			rehearsal.Answer{Outcome: rehearsal.Blocked, Reason: v1alpha1.ReasonRestored, Snapshot: "good", Says: []string{`admission webhook "x" denied`}}},
		"refused by Kubernetes": {forbidden("maximum storage usage is 1Gi"), nil, nil, false, rehearsal.Answer{Outcome: rehearsal.Blocked, Says: []string{"persistentvolumeclaims"}}},
		"away": {apierrors.NewInternalError(errors.New("failed calling webhook \"statefulset.snapback.dev\":\n timeout")), nil, nil, false,
			rehearsal.Answer{Outcome: rehearsal.Away, Says: []string{`Internal error occurred: failed calling webhook "statefulset.snapback.dev": timeout`}}},
		"no right": {apierrors.NewForbidden(claims, "", errors.New(`User "x" cannot create resource "persistentvolumeclaims"`)), nil, nil, false,
			rehearsal.Answer{Outcome: rehearsal.NotAllowed, Says: []string{"persistentvolumeclaims is forbidden"}}},
		"invalid": {apierrors.NewBadRequest("no size"), nil, nil, false, rehearsal.Answer{Outcome: rehearsal.Failed, Says: []string{"no size"}}},
		"no one":  {errors.New("connection refused"), nil, nil, false, rehearsal.Answer{Outcome: rehearsal.Failed, Says: []string{"connection refused"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			printed := &bytes.Buffer{}
			handler := rehearsal.Warnings{Out: printed}
			handler.HandleWarningHeaderWithContext(t.Context(), 299, "-", "of another request")
			c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
				Create: func(ctx context.Context, _ client.WithWatch, o client.Object, options ...client.CreateOption) error {
					if o := (&client.CreateOptions{}).ApplyOptions(options); !slices.Equal(o.DryRun, []string{metav1.DryRunAll}) {
						t.Errorf("it is no dry run: %+v", o)
					}
					for _, text := range test.warnings {
						handler.HandleWarningHeaderWithContext(ctx, 299, "-", text)
					}
					o.SetAnnotations(test.written)
					if from := test.written[v1alpha1.AnnotationRestoredFrom]; from != "" {
						restoreFrom(o, from)
					}
					return test.err
				},
			}).Build()
			claim := snapshotstest.StatefulSetClaim("kafka", 0)
			if test.chosen {
				claim.From("another")
			}
			a := rehearsal.Ask(t.Context(), c, claim.Obj())
			if a.Outcome != test.want.Outcome || a.Reason != test.want.Reason || a.Snapshot != test.want.Snapshot || !errors.Is(a.Err, test.err) {
				t.Errorf("got %+v, want %+v", a, test.want)
			}
			for n, text := range test.want.Says {
				if len(a.Says) <= n || !strings.HasPrefix(a.Says[n], text) {
					t.Errorf("it says %q, want %q", a.Says, test.want.Says)
				}
			}
			if printed.String() != "Warning: of another request\n" {
				t.Errorf("printed %q", printed)
			}
		})
	}
}

func restoreFrom(claim client.Object, name string) {
	claim.(*corev1.PersistentVolumeClaim).Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: name}
}

// TestAskGoesByTheSource has another webhook that takes the source off again: the
// claim would be created empty, whatever its annotation says.
func TestAskGoesByTheSource(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			o.SetAnnotations(map[string]string{v1alpha1.AnnotationRestoredFrom: "good"})
			return nil
		}}).Build()
	if a := rehearsal.Ask(t.Context(), c, snapshotstest.StatefulSetClaim("kafka", 0).Obj()); a.Snapshot != "" {
		t.Errorf("it is restored from %s, which fills nothing", a.Snapshot)
	}
}

// TestAskLeavesTheClaim asks again with the same claim.
func TestAskLeavesTheClaim(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			restoreFrom(o, "good")
			return nil
		}}).Build()
	claim := snapshotstest.StatefulSetClaim("kafka", 0).Obj()
	if rehearsal.Ask(t.Context(), c, claim); claim.Spec.DataSource != nil {
		t.Error("the answer is in the claim that was asked about")
	}
}
