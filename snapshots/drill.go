package snapshots

import (
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// IsDrill reports whether an object is the claim or the pod of a restore drill.
func IsDrill(o metav1.Object) bool {
	_, ok := o.GetLabels()[v1alpha1.LabelDrill]
	return ok
}

// DrillTimeout returns how long a drill may take: spec.drill.timeout, or an hour if
// that is not set.
func DrillTimeout(spec v1alpha1.DrillSpec) time.Duration {
	if d, err := time.ParseDuration(spec.Timeout); err == nil && d > 0 {
		return d
	}
	return time.Hour
}

// Verdict returns the report of the last drill of the snapshot that ended with a
// verdict. It reports false if there is none, or if it cannot be read. A catalog
// does not keep it, see [Snapshot.Damaged].
func (s Snapshot) Verdict() (v1alpha1.DrillReport, bool) {
	r, _ := reportIn(s.Annotations[v1alpha1.AnnotationVerified])
	if r.Result != v1alpha1.DrillSound && r.Result != v1alpha1.DrillDamaged {
		return v1alpha1.DrillReport{}, false
	}
	return r, true
}

// FailedDrill returns the report of the last drill of the snapshot, if it came to no
// verdict.
func (s Snapshot) FailedDrill() (v1alpha1.DrillReport, bool) {
	return reportIn(s.Annotations[v1alpha1.AnnotationDrillFailed])
}

// WriteReport returns a report as the value of an annotation.
func WriteReport(r v1alpha1.DrillReport) (string, error) {
	r.Message = cut(r.Message, maxError)
	value, err := json.Marshal(r)
	if len(value) > maxKept { // JSON has escaped many characters of the message
		r.Message = ""
		value, err = json.Marshal(r)
	}
	if err != nil {
		return "", fmt.Errorf("write the report of the drill of volumesnapshot %s: %w", r.VolumeSnapshot, err)
	}
	return string(value), nil
}

// reportIn returns the report in the value of an annotation. One that is longer
// than what a cache keeps is not read.
func reportIn(value string) (v1alpha1.DrillReport, bool) {
	var r v1alpha1.DrillReport
	if value == "" || len(value) > maxKept || json.Unmarshal([]byte(value), &r) != nil {
		return v1alpha1.DrillReport{}, false
	}
	return r, true
}
