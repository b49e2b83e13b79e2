// Package change has the writes that people ask for: a run now, hold and release,
// freeze and unfreeze, suspend and resume. The commands of the plugin and its page
// make the same ones.
package change

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// FieldOwner is the name under which the apiserver records changed fields.
const FieldOwner = client.FieldOwner("kubectl-snapback")

// DryRun is whether a change is made, or only tried.
type DryRun string

// The kinds of dry runs, named as kubectl does.
const (
	DryRunNone   DryRun = "none"
	DryRunClient DryRun = "client" // nothing is sent
	DryRunServer DryRun = "server" // the apiserver checks it, and does not store it
)

// Changer makes changes.
type Changer struct {
	client client.Client
	dry    DryRun
	asRead bool // an object that was changed since it was read is not written
}

// New returns a Changer that writes through the client.
func New(c client.Client, dry DryRun) Changer { return Changer{client: c, dry: dry} }

// Refusal is the error that a change is not made, by a rule and not by a failure.
// It says that nothing was changed.
type Refusal string

// Error implements error.
func (r Refusal) Error() string { return string(r) }

// WriteError is the error that a change could not be written.
type WriteError struct {
	Object string
	Err    error
}

// Error implements error.
func (e *WriteError) Error() string { return fmt.Sprintf("write %s: %v", e.Object, e.Err) }

// Unwrap returns what the apiserver or the connection said.
func (e *WriteError) Unwrap() error { return e.Err }

// Unchanged reports whether after this error it is certain that nothing was changed.
// It is not where a write was sent and its answer is missing, or is a failure of the
// apiserver itself.
func Unchanged(err error) bool {
	var write *WriteError
	if !errors.As(err, &write) {
		return true
	}
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= http.StatusBadRequest && status.Status().Code < http.StatusInternalServerError
}

// Merge sets fields of an object; nil removes a field. It fails if the object was
// replaced by another one since it was read. To fail also if it was changed, put its
// resourceVersion into the metadata.
func (c Changer) Merge(ctx context.Context, object client.Object, fields map[string]any) error {
	if c.dry == DryRunClient {
		return nil
	}
	version := ""
	if c.asRead {
		version = object.GetResourceVersion()
	}
	patch, err := mergepatch.Of(object.GetUID(), version, fields)
	if err != nil {
		return fmt.Errorf("write %s: %w", object.GetName(), err)
	}
	options := []client.PatchOption{FieldOwner}
	if c.dry == DryRunServer {
		options = append(options, client.DryRunAll)
	}
	if err := c.client.Patch(ctx, object, patch, options...); err != nil {
		return &WriteError{object.GetName(), err}
	}
	return nil
}

// Annotate sets annotations of an object as Merge does; nil removes one.
func (c Changer) Annotate(ctx context.Context, object client.Object, annotations map[string]any) error {
	return c.Merge(ctx, object, mergepatch.Annotations(annotations))
}

// Object returns an object with only the identity of a KafkaBackup, to write it.
func Object(b inventory.Backup) client.Object {
	id := metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name, UID: b.UID, ResourceVersion: b.ResourceVersion}
	if snapshots.IsConfigMap(b.KafkaBackup) {
		return &corev1.ConfigMap{ObjectMeta: id}
	}
	return &v1alpha1.KafkaBackup{ObjectMeta: id}
}
