package doctor

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// counted is the name under which a ResourceQuota counts VolumeSnapshots.
const counted = corev1.ResourceName("count/volumesnapshots." + snapshotv1.GroupName)

// nearlyFull is the used part of a quota from which on it is reported.
const nearlyFull = 0.9

func checkQuota(ctx context.Context, e *examination) ([]Finding, error) {
	var findings []Finding
	for _, namespace := range e.namespaces() {
		var list corev1.ResourceQuotaList
		if err := e.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return findings, fmt.Errorf("list the resourcequotas of namespace %s: %w", namespace, err)
		}
		for _, q := range list.Items {
			if f, limits := judgeQuota(q); limits {
				findings = append(findings, f)
			}
		}
	}
	return unless(findings, ok("", "no quota limits the number of VolumeSnapshots")), nil
}

// judgeQuota returns the finding for a quota; false if it does not count
// snapshots.
func judgeQuota(q corev1.ResourceQuota) (Finding, bool) {
	hard, limits := q.Status.Hard[counted]
	if !limits {
		return Finding{}, false
	}
	used := q.Status.Used[counted]
	subject := "ResourceQuota " + q.Namespace + "/" + q.Name
	text := fmt.Sprintf("%s of %s VolumeSnapshots are used", used.String(), hard.String())
	const do = "raise the quota, or shorten retentionTime or retentionCount of the backups"
	switch {
	case used.Cmp(hard) >= 0:
		return problem(subject, text+": no more can be taken", do), true
	case used.AsApproximateFloat64() > nearlyFull*hard.AsApproximateFloat64():
		return warning(subject, text, do), true
	}
	return ok(subject, "%s", text), true
}
