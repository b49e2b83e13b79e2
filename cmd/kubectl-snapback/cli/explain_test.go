package cli

import (
	"context"
	"errors"
	"maps"
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
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const restoredWarning = "snapback: kafka/kafka/data-kafka-0 is restored from VolumeSnapshot good of 2026-03-01T00:00:00Z; what was written"

func TestAsk(t *testing.T) {
	t.Parallel()
	claims := schema.GroupResource{Resource: "persistentvolumeclaims"}
	tests := map[string]struct {
		err     error
		outcome answered
		from    string
		says    string // the first
		fails   string
	}{
		"created": {says: restoredWarning},
		"exists":  {err: apierrors.NewAlreadyExists(claims, "data-kafka-0"), outcome: answeredExists, from: "good", says: restoredWarning},
		"quota":   {err: apierrors.NewForbidden(claims, "data-kafka-0", errors.New("exceeded quota: small")), outcome: answeredExists, from: "good", says: restoredWarning},
		"refused": {err: apierrors.NewForbidden(claims, "data-kafka-0", errors.New(`admission webhook "statefulset.snapback.dev" denied the request: snapback refuses this claim`)),
			outcome: answeredRefused, says: "snapback refuses this claim"},
		"away":     {err: apierrors.NewInternalError(errors.New(`failed calling webhook "statefulset.snapback.dev": timeout`)), outcome: answeredAway, says: "Internal error occurred: failed calling webhook"},
		"no right": {err: apierrors.NewForbidden(claims, "", errors.New(`User "x" cannot create resource "persistentvolumeclaims"`)), fails: "you need the right to create PersistentVolumeClaims in namespace kafka"},
		"invalid":  {err: apierrors.NewBadRequest("no size"), fails: "ask about claim data-kafka-0 by a dry run: no size"},
		"no one":   {err: errors.New("connection refused"), fails: "connection refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			warnings := &heard{}
			c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
				Create: func(ctx context.Context, _ client.WithWatch, _ client.Object, options ...client.CreateOption) error {
					if o := (&client.CreateOptions{}).ApplyOptions(options); !slices.Equal(o.DryRun, []string{metav1.DryRunAll}) {
						t.Errorf("it is no dry run: %+v", o)
					}
					warnings.HandleWarningHeaderWithContext(ctx, 299, "-", restoredWarning)
					return test.err
				},
			}).Build()
			a, err := ask(t.Context(), c, warnings, snapshotstest.StatefulSetClaim("kafka", 0).Obj())
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Fatalf("error %v, want %q", err, test.fails)
				}
				return
			}
			if err != nil || a.outcome != test.outcome || a.from != test.from || len(a.says) == 0 || !strings.HasPrefix(a.says[0], test.says) {
				t.Errorf("got %+v, %v, want %+v", a, err, test)
			}
		})
	}
}

func TestAsNew(t *testing.T) {
	t.Parallel()
	live := snapshotstest.KoperatorClaim("kafka", 0, "/logs").Annotate(v1alpha1.AnnotationRestoredFrom, "some").
		Annotate(v1alpha1.AnnotationRestoredBy, "restore-next").Annotate("pv.kubernetes.io/bind-completed", "yes").From("some").Obj()
	live.Name, live.UID, live.ResourceVersion, live.Finalizers = "kafka-0-storage-0-abcde", "uid", "7", []string{"kubernetes.io/pvc-protection"}
	live.Spec.VolumeName, live.Status.Phase = "pvc-uid", corev1.ClaimBound
	before := live.DeepCopy()
	fresh := asNew(live)
	if want := snapshotstest.KoperatorClaim("kafka", 0, "/logs").Obj(); fresh.Name != "" || fresh.GenerateName != want.GenerateName ||
		!maps.Equal(fresh.Annotations, want.Annotations) || fresh.Spec.VolumeName != "" || fresh.Spec.DataSource != nil ||
		fresh.UID != "" || fresh.ResourceVersion != "" || fresh.Finalizers != nil || fresh.Status.Phase != "" {
		t.Errorf("as new it is %+v", fresh)
	}
	if live.Spec.DataSource == nil || !maps.Equal(live.Annotations, before.Annotations) {
		t.Error("the claim itself has changed")
	}
	chosen := snapshotstest.StatefulSetClaim("kafka", 0).From("chosen").Obj()
	chosen.Spec.VolumeName = "chosen"
	if fresh := asNew(chosen); fresh.Spec.DataSource == nil || fresh.Spec.VolumeName == "" || fresh.Name != chosen.Name {
		t.Errorf("what the creator has chosen is gone: %+v", fresh)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	good := &snapshots.Snapshot{Name: "good"}
	restore := snapshots.Decision{Outcome: v1alpha1.OutcomeRestore, Reason: v1alpha1.ReasonRestored, Snapshot: good, Message: "as computed"}
	silent := snapshots.Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNotOptedIn}
	tests := map[string]struct {
		answer   answer
		decision snapshots.Decision
		want     []string // the beginning of each line
	}{
		"restored":       {answer{from: "good", says: []string{restoredWarning}}, restore, []string{"Created now, it is restored from VolumeSnapshot good.", "  " + restoredWarning}},
		"exists":         {answer{outcome: answeredExists, from: "good", says: []string{restoredWarning}}, restore, []string{"Lost, and created again now, it is restored", "  snapback: "}},
		"another":        {answer{from: "adopted"}, silent, []string{"Created now, it is restored from VolumeSnapshot adopted.", "What is computed here differs"}},
		"silent":         {answer{}, silent, []string{"Created now, it starts empty: NotOptedIn, of which"}},
		"silent exists":  {answer{outcome: answeredExists}, silent, []string{"Lost, and created again now, it starts empty: NotOptedIn"}},
		"empty":          {answer{says: []string{"snapback: it starts EMPTY"}}, restore, []string{"Created now, it starts empty.", "  snapback: it starts EMPTY"}},
		"not asked":      {answer{}, restore, []string{"NotIntercepted: ", "Either", "NotIntercepted of", "If it were asked, it is restored", "  as computed"}},
		"others only":    {answer{says: []string{"an old API"}}, restore, []string{"NotIntercepted: ", "Either", "NotIntercepted of", "If it were asked, it is restored", "  as computed"}},
		"refused":        {answer{outcome: answeredRefused, says: []string{"snapback refuses"}}, restore, []string{"Created now, it is refused.", "  snapback refuses"}},
		"cannot be told": {answer{outcome: answeredAway, says: []string{"failed calling"}}, restore, []string{"Created now, it is refused, since the webhook cannot be called.", "  failed"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := explained{volume: &inventory.Volume{}, pvc: snapshotstest.StatefulSetClaim("kafka", 0).Obj(), answer: test.answer, decision: test.decision}
			got := x.verdict()
			if len(got) != len(test.want) {
				t.Fatalf("said %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("said %q, want %q", got[i], want)
				}
			}
		})
	}
}
