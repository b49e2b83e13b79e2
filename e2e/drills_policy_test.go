package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

const drillName = "snapback-drill-0123"

// drillsClient acts as the ServiceAccount of the component drills. It impersonates
// that, so that the audit log does not take a test's use of a right for Snapback's.
func drillsClient(t *testing.T) client.Client {
	t.Helper()
	config := rest.CopyConfig(shared.Get(t).Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + cluster.Namespace + ":" + cluster.DrillsAccount, Groups: []string{"system:authenticated"}}
	c, err := cluster.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error { // the apiserver has read the policy
		o := drillClaim("default")
		o.Labels = nil
		if err := c.Create(ctx, o, client.DryRunAll); err == nil || !strings.Contains(err.Error(), notOfADrill) {
			return fmt.Errorf("the policy is not in force: %w", err)
		}
		return nil
	})
	return c
}

func drillMeta(ns string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: ns, Name: drillName, Labels: map[string]string{v1alpha1.LabelDrill: "kafka"}}
}

func drillClaim(ns string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: drillMeta(ns), Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		StorageClassName: ptr.To(cluster.StorageClass),
		Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		DataSource:       &corev1.TypedLocalObjectReference{APIGroup: ptr.To(snapshotv1.GroupName), Kind: "VolumeSnapshot", Name: "s"},
	}}
}

func drillPod(ns string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: drillMeta(ns), Spec: corev1.PodSpec{
		RestartPolicy:                corev1.RestartPolicyNever,
		AutomountServiceAccountToken: ptr.To(false),
		EnableServiceLinks:           ptr.To(false),
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](1001), FSGroup: ptr.To[int64](0),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		Containers: []corev1.Container{{
			Name: "verify", Image: "snapback:dev", Args: []string{"verify", "/volume"},
			VolumeMounts: []corev1.VolumeMount{{Name: "volume", MountPath: "/volume", ReadOnly: true}},
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		}},
		Volumes: []corev1.Volume{{Name: "volume", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: drillName, ReadOnly: true}}}},
	}}
}

// refused checks that the policy refuses something with a text, or does not refuse
// it if the text is empty.
func refused(t *testing.T, err error, text string) {
	t.Helper()
	switch {
	case text == "" && err != nil:
		t.Errorf("refused: %v", err)
	case text != "" && (!apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) || !strings.Contains(fmt.Sprint(err), text)):
		t.Errorf("not refused with %q: %v", text, err)
	}
}

const (
	notOfADrill = "a drill creates and deletes only what has the label snapback.dev/drill"
	notASource  = "a drill's claim is made from a VolumeSnapshot of its own namespace"
	notItsClaim = "a drill's pod mounts its own claim and nothing else"
	aToken      = "a drill's pod has no token of a ServiceAccount"
	environment = "a drill's pod has one container, and no environment"
	restricted  = "a drill's pod is of the restricted kind"
	notItsPV    = "a drill changes nothing but the reclaim policy of its own volume"
	notItsMark  = "a drill changes nothing of a VolumeSnapshot but the annotations"
)

func TestDrillsCreateOnlyTheirClaims(t *testing.T) {
	t.Parallel()
	c := drillsClient(t)
	ns := newNamespace(t, apiClient(t), nil)
	for name, test := range map[string]struct {
		change func(*corev1.PersistentVolumeClaim)
		want   string
	}{
		"as they are":       {func(*corev1.PersistentVolumeClaim) {}, ""},
		"without the label": {func(o *corev1.PersistentVolumeClaim) { o.Labels = nil }, notOfADrill},
		"with another name": {func(o *corev1.PersistentVolumeClaim) { o.Name = "data-kafka-0" }, notOfADrill},
		"empty":             {func(o *corev1.PersistentVolumeClaim) { o.Spec.DataSource = nil }, notASource},
		"a clone": {func(o *corev1.PersistentVolumeClaim) {
			o.Spec.DataSource.Kind, o.Spec.DataSource.APIGroup = "PersistentVolumeClaim", nil
		}, notASource},
		"of a volume": {func(o *corev1.PersistentVolumeClaim) { o.Spec.VolumeName = "pv" }, notASource},
	} {
		t.Run(name, func(t *testing.T) {
			o := drillClaim(ns)
			test.change(o)
			refused(t, c.Create(t.Context(), o, client.DryRunAll), test.want)
		})
	}
}

func TestDrillsCreateOnlyTheirPods(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), drillsClient(t)
	ns := newNamespace(t, admin, nil)
	for _, name := range []string{"default", "strong"} {
		err := admin.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	volume := func(source corev1.VolumeSource) func(*corev1.Pod) {
		return func(o *corev1.Pod) {
			o.Spec.Volumes = append(o.Spec.Volumes, corev1.Volume{Name: "other", VolumeSource: source})
		}
	}
	secret := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"as they are":       {func(*corev1.Pod) {}, ""},
		"with a toleration": {func(o *corev1.Pod) { o.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} }, ""},
		"as OpenShift changes it": {func(o *corev1.Pod) {
			o.Spec.SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{Level: "s0:c26,c5"}
			o.Spec.Containers[0].SecurityContext.RunAsUser = ptr.To[int64](1000680000)
		}, ""},
		"another SELinux type": {func(o *corev1.Pod) {
			o.Spec.Containers[0].SecurityContext.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"}
		}, restricted},
		"the container's seccomp": {func(o *corev1.Pod) {
			o.Spec.Containers[0].SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		}, restricted},
		"without the label": {func(o *corev1.Pod) { o.Labels = nil }, notOfADrill},
		"with another name": {func(o *corev1.Pod) { o.Name = "kafka-0" }, notOfADrill},
		"another claim":     {func(o *corev1.Pod) { o.Spec.Volumes[0].PersistentVolumeClaim.ClaimName = "data-kafka-0" }, notItsClaim},
		"a hostPath":        {volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), notItsClaim},
		"a Secret":          {volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}), notItsClaim},
		"a token":           {func(o *corev1.Pod) { o.Spec.AutomountServiceAccountToken = nil }, "a drill's pod"},
		"a strong account":  {func(o *corev1.Pod) { o.Spec.ServiceAccountName = "strong" }, aToken},
		"a Secret's variable": {func(o *corev1.Pod) {
			o.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: secret}}}
		}, environment},
		"a Secret's variables": {func(o *corev1.Pod) {
			o.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: secret.LocalObjectReference}}}
		}, environment},
		"an init container":  {func(o *corev1.Pod) { o.Spec.InitContainers = []corev1.Container{{Name: "i", Image: "i"}} }, environment},
		"the host's network": {func(o *corev1.Pod) { o.Spec.HostNetwork = true }, restricted},
		"a host's port": {func(o *corev1.Pod) {
			o.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
		}, restricted},
		"the host's processes": {func(o *corev1.Pod) { o.Spec.HostPID = true }, restricted},
		"a chosen node":        {func(o *corev1.Pod) { o.Spec.NodeName = "n" }, restricted},
		"root":                 {func(o *corev1.Pod) { o.Spec.SecurityContext.RunAsNonRoot = nil }, restricted},
		"the user root":        {func(o *corev1.Pod) { o.Spec.SecurityContext.RunAsUser = ptr.To[int64](0) }, restricted},
		"the container's root": {func(o *corev1.Pod) { o.Spec.Containers[0].SecurityContext.RunAsUser = ptr.To[int64](0) }, restricted},
		"more privileges":      {func(o *corev1.Pod) { o.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil }, restricted},
		"more capabilities": {func(o *corev1.Pod) {
			o.Spec.Containers[0].SecurityContext.Capabilities.Add = []corev1.Capability{"SYS_ADMIN"}
		}, restricted},
		"all capabilities": {func(o *corev1.Pod) { o.Spec.Containers[0].SecurityContext.Capabilities = nil }, restricted},
		"no seccomp":       {func(o *corev1.Pod) { o.Spec.SecurityContext.SeccompProfile = nil }, restricted},
		"a sysctl": {func(o *corev1.Pod) {
			o.Spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"}}
		}, restricted},
	} {
		t.Run(name, func(t *testing.T) {
			o := drillPod(ns)
			test.change(o)
			refused(t, c.Create(t.Context(), o, client.DryRunAll), test.want)
		})
	}
}

func TestDrillsDeleteOnlyTheirs(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), drillsClient(t)
	ns := newNamespace(t, admin, nil)
	brokers := drillClaim(ns)
	brokers.Name, brokers.Labels = "data-kafka-0", nil
	unlabelled := drillClaim(ns)
	unlabelled.Name, unlabelled.Labels = drillName+"-x", nil
	labelled := drillClaim(ns)
	labelled.Name = "data-kafka-1"
	pod := drillPod(ns)
	pod.Name, pod.Labels = "kafka-0", nil
	for _, o := range []client.Object{brokers, unlabelled, labelled, pod, drillClaim(ns), drillPod(ns)} {
		create(t, admin, o)
	}
	for _, o := range []client.Object{brokers, unlabelled, labelled, pod} {
		refused(t, c.Delete(t.Context(), o), notOfADrill)
	}
	refused(t, c.Delete(t.Context(), drillPod(ns)), "")
	refused(t, c.Delete(t.Context(), drillClaim(ns)), "")
}

func TestDrillsReleaseOnlyTheirVolumes(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), drillsClient(t)
	ns := newNamespace(t, admin, nil)
	volume := func(claim string) *corev1.PersistentVolume {
		pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{GenerateName: "drills-", Annotations: map[string]string{"a": "b"}}, Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "other.example.com", VolumeHandle: "h"}},
			ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: ns, Name: claim, UID: types.UID("gone")},
		}}
		create(t, admin, pv)
		t.Cleanup(func() { _ = admin.Delete(t.Context(), pv) }) // the cluster goes anyway
		return pv
	}
	drills, brokers := volume(drillName), volume("data-kafka-0")
	const release = `{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}`
	for name, test := range map[string]struct {
		pv          *corev1.PersistentVolume
		patch, want string
	}{
		"of a drill":     {drills, release, ""},
		"of a broker":    {brokers, release, notItsPV},
		"its claim":      {drills, `{"spec":{"claimRef":{"name":"snapback-drill-9"}}}`, notItsPV},
		"no claim":       {drills, `{"spec":{"claimRef":null}}`, notItsPV},
		"mount options":  {drills, `{"spec":{"mountOptions":["suid"]}}`, notItsPV},
		"a label":        {drills, `{"metadata":{"labels":{"a":"b"}}}`, notItsPV},
		"an annotation":  {drills, `{"metadata":{"annotations":{"a":null}}}`, notItsPV},
		"its finalizers": {drills, `{"metadata":{"finalizers":null}}`, notItsPV},
	} {
		t.Run(name, func(t *testing.T) {
			o := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: test.pv.Name}}
			refused(t, c.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(test.patch)), client.DryRunAll), test.want)
		})
	}
}

func TestDrillsMarkOnly(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), drillsClient(t)
	ns := newNamespace(t, admin, nil)
	vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s", Labels: map[string]string{"a": "b"},
		Annotations: map[string]string{v1alpha1.AnnotationDrillFailed: "{}", v1alpha1.AnnotationHold: "audit"}},
		Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: ptr.To("none")}}}
	bare := vs.DeepCopy()
	bare.Name, bare.Annotations, bare.Labels = "bare", nil, nil
	create(t, admin, vs)
	create(t, admin, bare)
	for name, test := range map[string]struct{ name, patch, want string }{
		"a verdict":         {"s", `{"metadata":{"annotations":{"snapback.dev/verified":"{}","snapback.dev/drill-failed":null}}}`, ""},
		"the first one":     {"bare", `{"metadata":{"annotations":{"snapback.dev/verified":"{}"}}}`, ""},
		"the hold":          {"s", `{"metadata":{"annotations":{"snapback.dev/hold":null}}}`, notItsMark},
		"another text":      {"s", `{"metadata":{"annotations":{"snapback.dev/hold":"x"}}}`, notItsMark},
		"another one":       {"s", `{"metadata":{"annotations":{"snapback.dev/verified":"{}","snapback.dev/pruning":"x"}}}`, notItsMark},
		"all annotations":   {"s", `{"metadata":{"annotations":null}}`, notItsMark},
		"a label":           {"s", `{"metadata":{"labels":{"a":"c"}}}`, notItsMark},
		"labels for once":   {"bare", `{"metadata":{"labels":{"a":"c"}}}`, notItsMark},
		"its finalizers":    {"s", `{"metadata":{"finalizers":["example.com/x"]}}`, notItsMark},
		"what it is of":     {"s", `{"spec":{"volumeSnapshotClassName":"dir-snapshots"}}`, notItsMark},
		"whom it goes with": {"s", `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"x","uid":"x"}]}}`, notItsMark},
	} {
		t.Run(name, func(t *testing.T) {
			o := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: test.name}}
			refused(t, c.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(test.patch)), client.DryRunAll), test.want)
		})
	}
}

// TestDrillsPolicyIsForDrillsAlone checks that nobody else is asked.
func TestDrillsPolicyIsForDrillsAlone(t *testing.T) {
	t.Parallel()
	admin := apiClient(t)
	ns := newNamespace(t, admin, nil)
	o := drillClaim(ns)
	o.Name, o.Labels, o.Spec.DataSource = "data-0", nil, nil
	refused(t, admin.Create(t.Context(), o, client.DryRunAll), "")
}
