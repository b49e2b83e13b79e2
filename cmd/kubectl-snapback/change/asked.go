package change

import (
	"context"
	"fmt"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// Name is which change is asked for.
type Name string

// The changes. Each is also a command of the plugin.
const (
	Run      Name = "run"
	Hold     Name = "hold"
	Release  Name = "release"
	Freeze   Name = "freeze"
	Unfreeze Name = "unfreeze"
	Suspend  Name = "suspend"
	Resume   Name = "resume"
)

// Asked is a change that a person asks for, with what they saw when they decided.
type Asked struct {
	Name                    Name
	Namespace, Kind, Object string
	UID                     types.UID
	Seen                    string // of SeenOfBackup or SeenOfSnapshot; the change is refused if it is another by now
	Reason                  string // of hold and freeze
}

// KindSnapshot is the kind of the objects of hold and release. Those of the other
// changes have the kind of their KafkaBackup.
const KindSnapshot = "VolumeSnapshot"

// SeenOfBackup returns the value that a change replaces, as it is now. What a person
// does not see there, they cannot undo unknowingly.
func SeenOfBackup(name Name, b inventory.Backup) string {
	switch name {
	case Run:
		return b.Annotations[v1alpha1.AnnotationRunNow]
	case Freeze, Unfreeze:
		return present(b.Annotations, v1alpha1.AnnotationFreeze)
	case Suspend, Resume:
		return fmt.Sprint(b.Spec.Suspend)
	}
	return ""
}

// SeenOfSnapshot is SeenOfBackup for hold and release.
func SeenOfSnapshot(vs *snapshotv1.VolumeSnapshot) string {
	return present(vs.Annotations, v1alpha1.AnnotationHold)
}

// present returns the value of an annotation behind a sign that it is there, since its
// value can be empty.
func present(annotations map[string]string, key string) string {
	if value, is := annotations[key]; is {
		return seen(value)
	}
	return ""
}

func seen(value string) string { return "=" + value }

// Do makes a change to exactly the object that the person has seen, in the state in
// which they saw it, and returns the change that takes it back; nil if none does.
func (c Changer) Do(ctx context.Context, a Asked, now time.Time) (undo *Asked, err error) {
	c.asRead = true
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error { // the scheduler writes statuses and marks
		if a.Name == Hold || a.Name == Release {
			undo, err = c.doSnapshot(ctx, a)
		} else {
			undo, err = c.doBackup(ctx, a, now)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return undo, nil
}

func (c Changer) doSnapshot(ctx context.Context, a Asked) (*Asked, error) {
	var vs snapshotv1.VolumeSnapshot
	err := c.client.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: a.Object}, &vs)
	if apierrors.IsNotFound(err) {
		return nil, a.gone()
	}
	if err != nil {
		return nil, fmt.Errorf("read volumesnapshot %s/%s: %w", a.Namespace, a.Object, err)
	}
	if err := MayChange(&vs); err != nil {
		return nil, err
	}
	held, is := vs.Annotations[v1alpha1.AnnotationHold]
	switch {
	case vs.UID != a.UID:
		return nil, a.replaced()
	case !same(SeenOfSnapshot(&vs), a.Seen), a.Name == Release && !is:
		return nil, a.refuse(meanwhile("held", is, held))
	case a.Name == Hold && vs.DeletionTimestamp != nil:
		return nil, a.refuse("is being deleted, which no hold can stop")
	case a.Name == Hold:
		_, err := c.Hold(ctx, &vs, a.Reason)
		return a.undoneBy(Release, is, held), err
	}
	_, err = c.takeOff(ctx, &vs, marks[:1]) // what else is on it, the person was not asked about
	return a.undoneBy(Hold, is, held), err
}

func (c Changer) doBackup(ctx context.Context, a Asked, now time.Time) (*Asked, error) {
	i, err := inventory.LoadBackups(ctx, c.client, a.Namespace)
	if err != nil {
		return nil, err
	}
	b, err := i.Backup(a.Namespace, a.Object)
	if err != nil {
		return nil, a.gone()
	}
	if b.UID != a.UID {
		return nil, a.replaced()
	}
	asSeen := same(SeenOfBackup(a.Name, b), a.Seen)
	switch a.Name {
	case Run:
		if !asSeen {
			return nil, a.refuse("was asked for a run meanwhile")
		}
		return nil, c.RunNow(ctx, b, now.UTC().Truncate(time.Second))
	case Freeze, Unfreeze:
		frozen, is := b.Annotations[v1alpha1.AnnotationFreeze]
		if !asSeen || a.Name == Unfreeze && !is {
			return nil, a.refuse(meanwhile("frozen", is, frozen))
		}
		if a.Name == Freeze {
			_, err = c.Freeze(ctx, b, a.Reason)
			return a.undoneBy(Unfreeze, is, frozen), err
		}
		_, err = c.Unfreeze(ctx, b)
		return a.undoneBy(Freeze, is, frozen), err
	case Suspend, Resume:
		suspend := a.Name == Suspend
		if !asSeen || b.Spec.Suspend == suspend {
			return nil, a.refuse(meanwhile("suspended", b.Spec.Suspend, ""))
		}
		_, err = c.setSuspend(ctx, b, suspend)
		undo := a
		undo.Name, undo.Seen = map[bool]Name{true: Resume, false: Suspend}[suspend], fmt.Sprint(suspend)
		return &undo, err
	}
	return nil, a.refuse(fmt.Sprintf("cannot be changed by %q", a.Name))
}

// undoneBy returns the change that takes back one of a reason. Where there was a
// reason before, that is another such one with that reason.
func (a Asked) undoneBy(name Name, was bool, before string) *Asked {
	undo := a
	undo.Name, undo.Reason, undo.Seen = name, "", ""
	if a.Name == Hold || a.Name == Freeze {
		undo.Seen = seen(a.Reason)
	}
	if was && undo.Seen != "" {
		undo.Name = a.Name
	}
	if was {
		undo.Reason = before
	}
	return &undo
}

// same reports whether two values are the same but for the ends of their lines, which
// a browser writes in its own way.
func same(a, b string) bool {
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	return lines.Replace(a) == lines.Replace(b)
}

// meanwhile returns, in words, how an object is now, and not as it was seen.
func meanwhile(what string, is bool, reason string) string {
	switch {
	case is && reason != "":
		return "is " + what + " by now, and not as you saw it: " + reason
	case is:
		return "is " + what + " by now, and not as you saw it"
	}
	return "is not " + what + " any more"
}

func (a Asked) refuse(why string) error {
	return Refusal(fmt.Sprintf("%s %s/%s %s; nothing was changed", a.Kind, a.Namespace, a.Object, why))
}

func (a Asked) replaced() error {
	return a.refuse("is not the one that you saw, but another one of its name")
}

func (a Asked) gone() error { return a.refuse("is not there any more") }
