package webhook

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// respond returns the answer to the apiserver for a decision.
func respond(pvc *corev1.PersistentVolumeClaim, d snapshots.Decision) admission.Response {
	var r admission.Response
	switch d.Outcome {
	case v1alpha1.OutcomeRestore:
		r = admission.Patched("", patches(pvc, d)...)
	case v1alpha1.OutcomeDeny:
		r = because(admission.Denied(d.Message), d)
	case v1alpha1.OutcomeError:
		r = because(admission.Errored(http.StatusServiceUnavailable, errors.New(d.Message)), d)
	default:
		r = admission.Allowed("")
		if len(d.Annotations) > 0 {
			r = admission.Patched("", annotate(pvc, d.Annotations))
		}
	}
	r.AuditAnnotations = map[string]string{"decision": string(d.Outcome) + " " + string(d.Reason)}
	if d.Snapshot != nil {
		r.AuditAnnotations["snapshot"] = d.Snapshot.Name
	}
	if r.Allowed && d.Message != "" {
		r.Warnings = append(r.Warnings, v1alpha1.Warning(d.Reason, d.SnapshotName(), d.Message))
	}
	for _, text := range d.Said() {
		r.Warnings = append(r.Warnings, v1alpha1.Warning(d.Reason, "", text))
	}
	return r
}

// because adds the reason of the refusal in a form that programs can read.
func because(r admission.Response, d snapshots.Decision) admission.Response {
	r.Result.Details = &metav1.StatusDetails{Causes: []metav1.StatusCause{v1alpha1.Cause(d.Reason, d.Message)}}
	return r
}

// patches returns the operations of a restore: one sets the snapshot as
// spec.dataSource, the other sets annotations that say where the data is from. The
// apiserver copies the dataSource to dataSourceRef after admission.
func patches(pvc *corev1.PersistentVolumeClaim, d snapshots.Decision) []jsonpatch.Operation {
	s := d.Snapshot
	written := map[string]string{
		v1alpha1.AnnotationRestoredFrom: s.Name,
		v1alpha1.AnnotationRestoredTime: s.Scheduled.UTC().Format(time.RFC3339),
		v1alpha1.AnnotationRestoredBy:   strings.TrimPrefix(d.Pin, v1alpha1.Domain),
		v1alpha1.AnnotationTraceparent:  "", // that of an earlier restore, if the claim is a copy
	}
	maps.Copy(written, d.Annotations)
	return []jsonpatch.Operation{
		jsonpatch.NewOperation("add", "/spec/dataSource", corev1.TypedLocalObjectReference{
			APIGroup: ptr.To(snapshotv1.GroupName), Kind: "VolumeSnapshot", Name: s.Name,
		}),
		annotate(pvc, written),
	}
}

// annotate returns the operation that sets annotations of the claim, and removes
// those without a value.
func annotate(pvc *corev1.PersistentVolumeClaim, change map[string]string) jsonpatch.Operation {
	annotations := maps.Clone(pvc.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, change)
	maps.DeleteFunc(annotations, func(key, value string) bool { _, ours := change[key]; return ours && value == "" })
	return jsonpatch.NewOperation("add", "/metadata/annotations", annotations)
}
