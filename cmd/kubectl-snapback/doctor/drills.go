package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// drillsFlag tells the scheduler that the component that drills is installed.
const drillsFlag = "--drills"

var one = resource.MustParse("1")

// checkDrills looks at what keeps restore drills from their work.
func checkDrills(ctx context.Context, e *examination) ([]Finding, error) {
	var findings []Finding
	asked := slices.DeleteFunc(slices.Clone(e.inventory.Backups), func(b inventory.Backup) bool { return b.Mistake != nil || b.Spec.Drill == nil })
	if len(asked) == 0 {
		return []Finding{ok("", "no KafkaBackup asks for restore drills")}, nil
	}
	component, err := e.drillsComponent(ctx)
	findings = append(findings, component...)
	if err != nil {
		findings = append(findings, cannot(err))
	}
	for _, b := range asked {
		volumes := volumesOf(e.inventory, b)
		findings = append(findings, judgeProof(b)...)
		findings = append(findings, judgeDrillable(b, volumes)...)
		var pods corev1.PodList
		if err := e.List(ctx, &pods, client.InNamespace(b.Namespace)); err != nil {
			findings = append(findings, cannot(fmt.Errorf("list the pods of namespace %s: %w", b.Namespace, err)))
		}
		findings = append(findings, judgeUser(b, volumes, pods.Items)...)
		var quotas corev1.ResourceQuotaList
		if err := e.List(ctx, &quotas, client.InNamespace(b.Namespace)); err != nil {
			findings = append(findings, cannot(fmt.Errorf("list the resourcequotas of namespace %s: %w", b.Namespace, err)))
		}
		for _, q := range quotas.Items {
			findings = append(findings, judgeRoom(volumes, q)...)
		}
	}
	return findings, nil
}

// drillsComponent reads whether the component that drills is installed.
func (e *examination) drillsComponent(ctx context.Context) ([]Finding, error) {
	scheduler, err := e.deployment(ctx)
	if err != nil {
		return nil, err
	}
	drills := &appsv1.Deployment{}
	err = e.Get(ctx, client.ObjectKey{Namespace: e.system, Name: v1alpha1.DrillsName}, drills)
	switch {
	case apierrors.IsNotFound(err):
		drills = nil
	case err != nil:
		return nil, fmt.Errorf("read the deployment that makes restore drills: %w", err)
	}
	return judgeDrillsComponent(drills, scheduler, e.system), nil
}

// judgeDrillsComponent judges the Deployment that drills, and whether the scheduler
// was told of it.
func judgeDrillsComponent(drills, scheduler *appsv1.Deployment, system string) []Finding {
	subject := "Deployment " + system + "/" + v1alpha1.DrillsName
	const install = "install the component drills (Helm: drills.enabled=true), or remove spec.drill"
	var findings []Finding
	switch {
	case drills == nil:
		findings = append(findings, problem(subject, "it does not exist, so that no restore drill is made", install))
	case drills.Status.ReadyReplicas == 0:
		findings = append(findings, problem(subject, "none of its replicas is ready, so that no restore drill is made", "kubectl logs -n "+system+" deployment/"+v1alpha1.DrillsName))
	}
	if scheduler != nil && drills != nil && !toldOfDrills(scheduler) {
		findings = append(findings, problem("Deployment "+system+"/"+v1alpha1.Installation, "its scheduler runs without "+drillsFlag+", and takes the component that drills for absent", install))
	}
	return unless(findings, ok(subject, "restore drills are made"))
}

func toldOfDrills(scheduler *appsv1.Deployment) bool {
	return slices.ContainsFunc(scheduler.Spec.Template.Spec.Containers, func(c corev1.Container) bool {
		return slices.Contains(c.Args, drillsFlag) || slices.Contains(c.Args, drillsFlag+"=true")
	})
}

// volumesOf returns the volumes that the KafkaBackup's runs take.
func volumesOf(i *inventory.Inventory, b inventory.Backup) []inventory.Volume {
	return slices.DeleteFunc(slices.Clone(i.Volumes), func(v inventory.Volume) bool {
		return v.Namespace != b.Namespace || v.Cluster != b.Spec.ClusterRef || v.Claim() == nil || b.Parsed.Excludes(v.Role)
	})
}

// judgeProof judges what the scheduler says of the drills. That the component is
// absent has a finding of its own.
func judgeProof(b inventory.Backup) []Finding {
	subject := subjectOf(b)
	c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionBackupsProven)
	do := inventory.ClusterKey{Namespace: b.Namespace, Name: b.Spec.ClusterRef}.Command("drills")
	switch {
	case c == nil:
		return []Finding{warning(subject, "the scheduler has not judged its restore drills yet", "wait for a minute, then see the check \"scheduler\"")}
	case c.Reason == v1alpha1.ReasonDrillsNotInstalled:
		return nil
	case c.Reason == v1alpha1.ReasonSnapshotDamaged:
		return []Finding{problem(subject, c.Reason+": "+oneLine(c.Message), do)}
	case c.Status == metav1.ConditionFalse:
		return []Finding{warning(subject, c.Reason+": "+oneLine(c.Message), do)}
	}
	return []Finding{ok(subject, "%s", oneLine(c.Message))}
}

// judgeDrillable names the volumes that no drill can read. Nothing is wrong with
// them.
func judgeDrillable(b inventory.Backup, volumes []inventory.Volume) []Finding {
	var names []string
	for _, v := range volumes {
		if !snapshots.CanDrill(v.Role, ptr.Deref(v.Claim().Spec.VolumeMode, "")) {
			names = append(names, v.Slot)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Finding{ok(subjectOf(b), "no restore drill is made of the volumes of ZooKeeper, and of raw block devices: %s", several(names))}
}

// judgeUser finds pods that run as root and mount a volume of the cluster: a drill's
// pod never runs as root.
func judgeUser(b inventory.Backup, volumes []inventory.Volume, pods []corev1.Pod) []Finding {
	if as := b.Spec.Drill.SecurityContext; as != nil && (as.RunAsUser != nil || as.FSGroup != nil) {
		return nil
	}
	var names []string
	for _, p := range pods {
		if runsAsRoot(p) && slices.ContainsFunc(volumes, func(v inventory.Volume) bool { return snapshots.Mounts(&p, v.Claim().Name) }) {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []Finding{warning(subjectOf(b), "these pods run as root, and own the log dirs as such, which a drill's pod may not be able to read, since it never runs as root: "+several(names),
		"set spec.drill.securityContext, such as fsGroup to a group that may read the log dirs")}
}

// runsAsRoot reports whether the spec of a pod says that a container runs as root.
func runsAsRoot(p corev1.Pod) bool {
	of := int64(-1) // the image's
	if s := p.Spec.SecurityContext; s != nil {
		of = ptr.Deref(s.RunAsUser, of)
	}
	return slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool {
		if s := c.SecurityContext; s != nil {
			return ptr.Deref(s.RunAsUser, of) == 0
		}
		return of == 0
	})
}

// judgeRoom finds what of a quota has no room for the claim and the pod of a drill
// of the largest volume.
func judgeRoom(volumes []inventory.Volume, q corev1.ResourceQuota) []Finding {
	needs := corev1.ResourceList{corev1.ResourcePods: one, "count/pods": one}
	atLeast := func(name corev1.ResourceName, n corev1.ResourceList) {
		if had, is := needs[name], n[corev1.ResourceStorage]; is.Cmp(had) > 0 {
			needs[name] = is
		}
	}
	for _, v := range volumes {
		claim := v.Claim()
		size := claim.Status.Capacity
		if len(size) == 0 {
			size = claim.Spec.Resources.Requests
		}
		atLeast(corev1.ResourceRequestsStorage, size)
		needs[corev1.ResourcePersistentVolumeClaims], needs["count/persistentvolumeclaims"] = one, one
		if class := ptr.Deref(claim.Spec.StorageClassName, ""); class != "" {
			of := class + ".storageclass.storage.k8s.io/"
			atLeast(corev1.ResourceName(of+string(corev1.ResourceRequestsStorage)), size)
			needs[corev1.ResourceName(of+string(corev1.ResourcePersistentVolumeClaims))] = one
		}
	}
	var full []string
	for name, need := range needs {
		hard, limits := q.Status.Hard[name]
		if !limits {
			continue
		}
		left := hard.DeepCopy()
		left.Sub(q.Status.Used[name])
		if left.Cmp(need) < 0 {
			full = append(full, fmt.Sprintf("%s (%s left of %s, %s needed)", name, left.String(), hard.String(), need.String()))
		}
	}
	if len(full) == 0 {
		return nil
	}
	slices.SortFunc(full, cmp.Compare[string])
	return []Finding{warning("ResourceQuota "+q.Namespace+"/"+q.Name, "it has no room for a restore drill of the largest volume: "+strings.Join(full, ", "), "raise the quota by one volume and one pod")}
}
