package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// deployment reads Snapback's Deployment; nil if there is none.
func (e *examination) deployment(ctx context.Context) (*appsv1.Deployment, error) {
	d := &appsv1.Deployment{}
	err := e.Get(ctx, client.ObjectKey{Namespace: e.system, Name: v1alpha1.Installation}, d)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the deployment of Snapback: %w", err)
	}
	return d, nil
}

func checkDeployment(ctx context.Context, e *examination) ([]Finding, error) {
	d, err := e.deployment(ctx)
	if err != nil {
		return nil, err
	}
	return []Finding{judgeDeployment(d, e.system)}, nil
}

// judgeDeployment checks the Deployment and its replicas. A missing one is only a
// warning: the checks of the probe and the Lease show whether Snapback works.
func judgeDeployment(d *appsv1.Deployment, system string) Finding {
	subject := "Deployment " + system + "/" + v1alpha1.Installation
	look := "kubectl describe pods -n " + system + " -l app.kubernetes.io/name=snapback"
	if d == nil {
		return warning(subject, "it does not exist: Snapback runs in another way, or not at all",
			"if Snapback is in another namespace, name that with --system-namespace; else install it")
	}
	switch wanted := ptr.Deref(d.Spec.Replicas, 1); {
	case d.Status.ReadyReplicas == 0:
		return problem(subject, fmt.Sprintf("none of its %d replicas is ready: claims of brokers are refused, and no snapshots are taken", wanted), look)
	case wanted < 2:
		return warning(subject, "it has one replica: claims of brokers are refused while that one moves to another node", "kubectl scale -n "+system+" deployment/"+v1alpha1.Installation+" --replicas=2")
	case d.Status.ReadyReplicas < wanted:
		return warning(subject, fmt.Sprintf("%d of its %d replicas are ready", d.Status.ReadyReplicas, wanted), look)
	}
	return ok(subject, "%d replicas are ready", d.Status.ReadyReplicas)
}

// selfSigned reports whether the webhook makes its own certificate.
func selfSigned(d *appsv1.Deployment) bool {
	return d != nil && slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c corev1.Container) bool {
		return slices.Contains(c.Args, "--certs=self")
	})
}

func checkLease(ctx context.Context, e *examination) ([]Finding, error) {
	lease := &coordinationv1.Lease{}
	err := e.Get(ctx, client.ObjectKey{Namespace: e.system, Name: v1alpha1.LeaseName}, lease)
	switch {
	case apierrors.IsNotFound(err):
		lease = nil
	case err != nil:
		return nil, fmt.Errorf("read the lease of Snapback's scheduler: %w", err)
	}
	return []Finding{judgeLease(lease, e.system, e.now())}, nil
}

// stale is how many renewals of its Lease a leader may miss.
const stale = 4

func judgeLease(lease *coordinationv1.Lease, system string, now time.Time) Finding {
	subject := "Lease " + system + "/" + v1alpha1.LeaseName
	const nobody = ": no snapshots are taken or pruned"
	do := "kubectl logs -n " + system + " deployment/" + v1alpha1.Installation + " -c scheduler"
	if lease == nil {
		return problem(subject, "it does not exist: no scheduler has ever led"+nobody, do)
	}
	holder, renewed := ptr.Deref(lease.Spec.HolderIdentity, ""), lease.Spec.RenewTime
	if holder == "" || renewed == nil {
		return problem(subject, "no scheduler leads"+nobody, do)
	}
	last := now.Sub(renewed.Time)
	if last > stale*time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 15))*time.Second {
		return problem(subject, fmt.Sprintf("the scheduler %s holds it, but last renewed it %s ago%s", holder, last.Round(time.Second), nobody), do)
	}
	return ok(subject, "the scheduler leads")
}
