package doctor

import (
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
)

func TestSystemOf(t *testing.T) {
	c := configurationOf(nil)
	c.Webhooks[0].ClientConfig.Service = &admissionregistrationv1.ServiceReference{Namespace: "its", Name: v1alpha1.ServiceName}
	for _, got := range [][2]string{{SystemNamespace(nil, ""), v1alpha1.SystemNamespace}, {SystemNamespace(c, ""), "its"}, {SystemNamespace(c, "mine"), "mine"}} {
		if got[0] != got[1] {
			t.Errorf("%s, want %s", got[0], got[1])
		}
	}
}

func TestSnapshotController(t *testing.T) {
	snapshot := func(age time.Duration, status *snapshotv1.VolumeSnapshotStatus) []snapshotv1.VolumeSnapshot {
		return []snapshotv1.VolumeSnapshot{{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "s", CreationTimestamp: metav1.NewTime(now.Add(-age))}, Status: status}}
	}
	bound := &snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: ptr.To("c")}
	done := &snapshotv1.VolumeSnapshotStatus{BoundVolumeSnapshotContentName: ptr.To("c"), CreationTime: ptr.To(metav1.NewTime(now))}
	refused := &snapshotv1.VolumeSnapshotStatus{Error: &snapshotv1.VolumeSnapshotError{}}
	deleted := snapshot(time.Hour, nil)
	deleted[0].DeletionTimestamp = ptr.To(metav1.NewTime(now))
	want(t, judgeSnapshotController(nil, now), Skipped, "no VolumeSnapshot")
	want(t, judgeSnapshotController(deleted, now), Skipped, "no VolumeSnapshot")
	want(t, judgeSnapshotController(snapshot(time.Minute, nil), now), Skipped, "no VolumeSnapshot")
	want(t, judgeSnapshotController(snapshot(3*time.Minute, nil), now), Problem, "snapshot-controller does not work: these VolumeSnapshots have no content after 2 minutes: kafka/s")
	want(t, judgeSnapshotController(snapshot(3*time.Minute, refused), now), OK, "")
	want(t, judgeSnapshotController(snapshot(3*time.Minute, bound), now), OK, "")
	want(t, judgeSnapshotController(snapshot(time.Hour, bound), now), Problem, "the CSI driver does not take snapshots")
	want(t, judgeSnapshotController(snapshot(time.Hour, done), now), OK, "")
}

func TestDeployment(t *testing.T) {
	deployment := func(wanted, ready int32) *appsv1.Deployment {
		return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &wanted}, Status: appsv1.DeploymentStatus{ReadyReplicas: ready}}
	}
	for _, c := range []struct {
		d     *appsv1.Deployment
		state State
		text  string
	}{
		{nil, Warning, "it does not exist"},
		{deployment(2, 0), Problem, "none of its 2 replicas"},
		{deployment(2, 1), Warning, "1 of its 2 replicas"},
		{deployment(1, 1), Warning, "one replica"},
		{deployment(3, 3), OK, "3 replicas"},
	} {
		want(t, []Finding{judgeDeployment(c.d, "s")}, c.state, c.text)
	}
	self := deployment(2, 2)
	self.Spec.Template.Spec.Containers = []corev1.Container{{Args: []string{"webhook", "--certs=self"}}}
	if selfSigned(nil) || selfSigned(deployment(2, 2)) || !selfSigned(self) {
		t.Error("who makes its own certificate is not known")
	}
}

func TestLease(t *testing.T) {
	lease := func(holder string, renewed time.Duration) *coordinationv1.Lease {
		return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: ptr.To(int32(15)),
			RenewTime: ptr.To(metav1.NewMicroTime(now.Add(-renewed)))}}
	}
	want(t, []Finding{judgeLease(nil, "s", now)}, Problem, "no scheduler has ever led")
	want(t, []Finding{judgeLease(lease("", 0), "s", now)}, Problem, "no scheduler leads")
	want(t, []Finding{judgeLease(lease("pod-a", 59*time.Second), "s", now)}, OK, "leads")
	want(t, []Finding{judgeLease(lease("pod-a", 61*time.Second), "s", now)}, Problem, "pod-a holds it, but last renewed it 1m1s ago")
}

func TestRights(t *testing.T) {
	want(t, []Finding{judgeRights(nil, "s")}, OK, "ServiceAccount s/snapback")
	var asked []string
	for _, r := range reviews(slices.Concat(Rights, CertificateRights), "s") {
		asked = append(asked, words(r.Spec.ResourceAttributes)+" in "+r.Spec.ResourceAttributes.Namespace)
	}
	for _, question := range []string{"patch kafkabackups/status.snapback.dev in ", "update leases.coordination.k8s.io snapback-scheduler in s", "list configmaps in "} {
		if !slices.Contains(asked, question) {
			t.Errorf("nobody asks %q: %q", question, asked)
		}
	}
	want(t, []Finding{judgeRights([]string{"b", "a"}, "s")}, Problem, "it may not a, b")
}

// shipped is a configuration with all entries that each match everything.
func shipped() *admissionregistrationv1.MutatingWebhookConfiguration {
	c := &admissionregistrationv1.MutatingWebhookConfiguration{}
	for _, name := range missingEntries(nil) {
		c.Webhooks = append(c.Webhooks, admissionregistrationv1.MutatingWebhook{Name: name, FailurePolicy: ptr.To(admissionregistrationv1.Fail)})
	}
	return c
}

func TestConfiguration(t *testing.T) {
	want(t, judgeConfiguration(nil), Problem, "it does not exist")
	want(t, judgeConfiguration(shipped()), OK, "fail closed")
	open := shipped()
	open.Webhooks[1].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
	want(t, judgeConfiguration(open), Warning, "come back empty: "+open.Webhooks[1].Name)
	few := shipped()
	few.Webhooks = few.Webhooks[1:]
	want(t, judgeConfiguration(few), Problem, "entries are missing, so the claims that they match come back empty: selector.snapback.dev")
}

func TestInterception(t *testing.T) {
	c := shipped()
	for n := range c.Webhooks {
		c.Webhooks[n].ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "kafka"}}
	}
	known, unknown := map[string]string{"app": "kafka"}, map[string]string{"app": "x"}
	off := map[string]string{v1alpha1.LabelIntercept: "off"}
	want(t, judgeInterception("k", nil, []brokerClaim{{"a", known, true, false}}, c), OK, "")
	want(t, judgeInterception("k", nil, []brokerClaim{{"a", unknown, false, false}}, c), OK, "")
	want(t, judgeInterception("k", nil, []brokerClaim{{"a", unknown, true, false}, {"b", known, true, false}}, c), Problem, "come back empty: a")
	want(t, judgeInterception("k", nil, []brokerClaim{{"a", unknown, true, true}}, c), Problem, "only a volumeSelector matches")
	want(t, judgeInterception("k", off, []brokerClaim{{"a", known, true, false}}, c), Warning, "intercept=off")
}

func TestProbe(t *testing.T) {
	failed := func(why string) rehearsal.Answer {
		return rehearsal.Answer{Outcome: rehearsal.Away, Says: []string{`failed calling webhook "explicit.snapback.dev": failed to call webhook: Post "https://x": ` + why}}
	}
	says := func(outcome rehearsal.Outcome, reason v1alpha1.Reason, text string) rehearsal.Answer {
		return rehearsal.Answer{Outcome: outcome, Reason: reason, Says: []string{text}}
	}
	for name, c := range map[string]struct {
		off    bool
		answer rehearsal.Answer
		state  State
		text   string
		do     string
	}{
		"answers":               {answer: says(rehearsal.Created, v1alpha1.ReasonNoSnapshot, "x"), state: OK, text: "the webhook answers"},
		"refuses":               {answer: says(rehearsal.Refused, v1alpha1.ReasonInvalidAnnotation, "x"), state: OK, text: "the webhook answers"},
		"answers before quota":  {answer: says(rehearsal.OverQuota, v1alpha1.ReasonNoSnapshot, "x"), state: OK, text: "the webhook answers"},
		"answers before others": {answer: says(rehearsal.Blocked, v1alpha1.ReasonNoSnapshot, "x"), state: OK, text: "the webhook answers"},
		"foreign certificate":   {answer: failed("tls: failed to verify certificate: x509: certificate signed by unknown authority"), state: Problem, text: "unknown authority", do: "does not trust the certificate"},
		"timeout":               {answer: failed("context deadline exceeded"), state: Problem, text: "so claims of brokers are refused", do: "TCP port 9443"},
		"no pods":               {answer: failed(`no endpoints available for service "snapback-webhook"`), state: Problem, text: "no endpoints", do: "describe pods -n s"},
		"something else":        {answer: failed("EOF"), state: Problem, text: "EOF", do: "kubectl logs -n s"},
		"cannot read":           {answer: says(rehearsal.Refused, v1alpha1.ReasonInternal, "try again"), state: Problem, text: "cannot look up snapshots: try again", do: "check"},
		"cannot read, and open": {answer: says(rehearsal.Created, v1alpha1.ReasonInternal, "it fails open"), state: Problem, text: "fails open", do: "check"},
		"not asked":             {answer: says(rehearsal.Created, "", "some policy warns"), state: Problem, text: "although the webhook was not asked", do: "webhook-configuration"},
		"off":                   {off: true, state: Skipped, text: "intercept=off"},
		"no right":              {answer: says(rehearsal.NotAllowed, "", "x"), state: Skipped, text: "that takes the right to create claims there"},
		"a policy":              {answer: says(rehearsal.Blocked, "", "denied by policy"), state: Skipped, text: "denied by policy"},
		"no one":                {answer: says(rehearsal.Failed, "", "connection refused"), state: Skipped, text: "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			f := judgeProbe("kafka", "s", c.off, c.answer)
			want(t, []Finding{f}, c.state, c.text)
			want(t, []Finding{{State: OK, Message: f.Do}}, OK, c.do)
		})
	}
}

func TestQuota(t *testing.T) {
	quota := func(used, hard string) corev1.ResourceQuota {
		return corev1.ResourceQuota{Status: corev1.ResourceQuotaStatus{
			Hard: corev1.ResourceList{counted: resource.MustParse(hard)}, Used: corev1.ResourceList{counted: resource.MustParse(used)}}}
	}
	for used, state := range map[string]State{"0": OK, "90": OK, "91": Warning, "100": Problem} {
		f, _ := judgeQuota(quota(used, "100"))
		want(t, []Finding{f}, state, used+" of 100 VolumeSnapshots are used")
	}
	if _, limits := judgeQuota(corev1.ResourceQuota{}); limits {
		t.Error("a quota of other things counts")
	}
}
