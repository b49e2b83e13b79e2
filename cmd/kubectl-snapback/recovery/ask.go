package recovery

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// askFor is how long the webhook may take to have seen the pins.
const askFor = 10 * time.Second

// Warnings gives what the apiserver warns of to whoever has asked, and prints
// what nobody waits for.
type Warnings struct{ Out io.Writer }

var _ rest.WarningHandlerWithContext = Warnings{}

type heard struct {
	mu    sync.Mutex
	texts []string
}

type heardKey struct{}

// HandleWarningHeaderWithContext implements [rest.WarningHandlerWithContext].
func (w Warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	if code != 299 || text == "" {
		return
	}
	if h, ok := ctx.Value(heardKey{}).(*heard); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.texts = append(h.texts, text)
		return
	}
	fmt.Fprintln(w.Out, "Warning:", text)
}

// ask creates each claim again in a dry run, now that the pins are there and
// before anything is deleted: what the webhook says of it is what the new
// claim gets. One that is gone cannot be asked for.
func (r *Runner) ask(ctx context.Context) error {
	asked := 0
	err := r.each(func(item *Item) error {
		claim := item.Volume.Claim()
		if item.Done || claim == nil {
			return nil
		}
		for start := time.Now(); ; {
			answer, err := r.askOnce(ctx, item, claim)
			if answer == "" && err == nil {
				asked++
				return nil
			}
			if err != nil {
				return err
			}
			if time.Since(start) > askFor {
				return fmt.Errorf("claim %s would not be restored from VolumeSnapshot %s: %s", claim.Name, item.Snapshot.Name, answer)
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("interrupted while the webhook was asked: %w", ctx.Err())
			case <-time.After(poll):
			}
		}
	})
	if err == nil && asked > 0 {
		r.say("the webhook was asked in a dry run about %s, and nothing speaks against it", counted(asked, "claim", "claims"))
	}
	return err
}

// counted is a number with the word for it.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// askOnce returns what the webhook says other than what was planned; empty: it
// says that.
func (r *Runner) askOnce(ctx context.Context, item *Item, like *corev1.PersistentVolumeClaim) (string, error) {
	h := &heard{}
	again := recreated(like)
	err := r.Client.Create(context.WithValue(ctx, heardKey{}, h), again, client.DryRunAll)
	said := strings.Join(h.texts, "; ")
	switch {
	case snapshots.SourceOf(again) == item.Snapshot.Name && err == nil, apierrors.IsAlreadyExists(err) && strings.Contains(said, "VolumeSnapshot "+item.Snapshot.Name+" "):
		return "", nil
	case err != nil && strings.Contains(err.Error(), "snapback refuses this claim: claim "+like.Name+" is of the same volume"):
		return "", nil // it is asked, and goes by the claim that is still there
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "cannot create resource"):
		r.say("you may not create claims, so the webhook could not be asked in a dry run what it would do")
		return "", nil
	case err != nil && !apierrors.IsAlreadyExists(err):
		return err.Error(), ctx.Err()
	case said == "":
		return "Snapback was not asked about it: is its webhook running, and does its configuration match the claim? (kubectl describe kafkabackup)", nil
	}
	return said, nil
}

// recreated is the claim as its creator would make it again.
func recreated(like *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	again := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: like.Namespace, Name: like.Name, Labels: like.Labels, Annotations: map[string]string{}},
		Spec:       *like.Spec.DeepCopy(),
	}
	if like.GenerateName != "" {
		again.Name, again.GenerateName = "", like.GenerateName
	}
	for key, value := range like.Annotations {
		switch key {
		case v1alpha1.AnnotationRestoredFrom, v1alpha1.AnnotationRestoredTime, v1alpha1.AnnotationRestoredBy:
		default:
			if !strings.Contains(key, "kubernetes.io/") {
				again.Annotations[key] = value
			}
		}
	}
	again.Spec.VolumeName, again.Spec.DataSource, again.Spec.DataSourceRef = "", nil, nil
	return again
}
