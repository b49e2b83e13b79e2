package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
)

// groupSnapshotKinds are the kinds that csi-snapshotter and snapshot-controller
// watch once their gate for volume group snapshots is on.
var groupSnapshotKinds = []schema.GroupKind{
	{Group: "groupsnapshot.storage.k8s.io", Kind: "VolumeGroupSnapshotContent"},
	{Group: "groupsnapshot.storage.k8s.io", Kind: "VolumeGroupSnapshotClass"},
}

// groupGateHarmless is the first version of external-snapshotter that goes on
// without the kinds. Up to 8.6 they are waited for.
var groupGateHarmless = version.MustParseGeneric("8.7.0")

// checkGroupSnapshots looks for a gate that is on without its CRDs. A csi-snapshotter
// then waits for them and takes no snapshot, although its pod is Running.
func checkGroupSnapshots(ctx context.Context, e *examination) ([]Finding, error) {
	missing := 0
	for _, kind := range groupSnapshotKinds {
		_, err := e.RESTMapper().RESTMapping(kind)
		if err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("ask for kind %s: %w", kind.Kind, err)
		}
		if err != nil {
			missing++
		}
	}
	if missing == 0 {
		return []Finding{ok("", "the CRDs of volume group snapshots are there")}, nil
	}
	var all appsv1.DeploymentList
	if err := e.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("could not check whether a csi-snapshotter waits for the CRDs of volume group snapshots: list the deployments: %w", err)
	}
	return judgeGroupSnapshots(all.Items), nil
}

// judgeGroupSnapshots finds the Deployments in which the gate is on.
func judgeGroupSnapshots(all []appsv1.Deployment) []Finding {
	var findings []Finding
	for n := range all {
		d := &all[n]
		for _, c := range d.Spec.Template.Spec.Containers {
			if !gateOn(slices.Concat(c.Command, c.Args)) || harmless(c) {
				continue
			}
			findings = append(findings, warning("Deployment "+d.Namespace+"/"+d.Name, fmt.Sprintf("container %s has volume group snapshots on, and their CRDs are missing: up to version 8.6 it waits for them, and every VolumeSnapshot stays Pending", c.Name),
				"install the CRDs of groupsnapshot.storage.k8s.io of the same version of external-snapshotter, or turn the gate CSIVolumeGroupSnapshot off"))
		}
	}
	return unless(findings, ok("", "nothing waits for the CRDs of volume group snapshots, which are not there"))
}

// gateOn reports whether the arguments turn volume group snapshots on: by the
// feature gate, or by the flag that it has replaced.
func gateOn(arguments []string) bool {
	on := false
	for _, argument := range strings.Fields(strings.Join(arguments, " ")) { // a flag and its value can be two arguments, a shell's command one
		flag, value, given := strings.Cut(strings.TrimLeft(argument, "-"), "=")
		if flag == "enable-volume-group-snapshots" {
			on = !given || isTrue(value)
			continue
		}
		if flag == "feature-gates" {
			argument = value
		}
		for gate := range strings.SplitSeq(argument, ",") {
			if name, value, is := strings.Cut(gate, "="); is && name == "CSIVolumeGroupSnapshot" {
				on = isTrue(value)
			}
		}
	}
	return on
}

func isTrue(value string) bool {
	is, err := strconv.ParseBool(value)
	return is && err == nil
}

// harmless reports whether the container's image is known to go on without the
// kinds.
func harmless(c corev1.Container) bool {
	image, _, _ := strings.Cut(c.Image, "@")
	v, err := version.ParseGeneric(image[strings.LastIndex(image, ":")+1:])
	return err == nil && v.AtLeast(groupGateHarmless)
}
