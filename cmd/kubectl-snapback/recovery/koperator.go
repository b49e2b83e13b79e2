package recovery

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// koperator is the Operator for Koperator, which creates claims and pods itself. It
// cannot be paused: to restore a whole cluster, its Deployment is scaled to 0.
type koperator struct {
	cluster    string
	deployment *scalable // nil: not needed, or not found
	problems   []string
}

var _ Operator = koperator{}

// koperatorName matches the names of its images, and its labels.
var koperatorName = regexp.MustCompile(`(^|[/-])(koperator|kafka-operator)([:@-]|$)`)

func findKoperator(ctx context.Context, c client.Client, p *Plan, name types.NamespacedName) (Operator, error) {
	k := koperator{cluster: p.Cluster.Name}
	if !p.All {
		return k, nil
	}
	found, err := koperatorDeployments(ctx, c, name)
	if apierrors.IsForbidden(err) {
		k.problems = []string{"you may not read Deployments in all namespaces, to find Koperator's: name it with --operator-deployment NAMESPACE/NAME"}
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		k.problems = []string{"Koperator's Deployment was not found: name it with --operator-deployment NAMESPACE/NAME"}
	case 1:
		s := ofDeployment(&found[0])
		k.deployment, k.problems = &s, s.problems(true)
		p.Warnings = append(p.Warnings, "Koperator looks after none of its KafkaClusters while it is stopped")
	default:
		var names []string
		for _, d := range found {
			names = append(names, d.Namespace+"/"+d.Name)
		}
		k.problems = []string{"several Deployments may be Koperator's, name the one in charge with --operator-deployment: " + strings.Join(names, ", ")}
	}
	return k, nil
}

func koperatorDeployments(ctx context.Context, c client.Client, name types.NamespacedName) ([]appsv1.Deployment, error) {
	if name.Name != "" {
		var d appsv1.Deployment
		if err := c.Get(ctx, name, &d); err != nil {
			return nil, fmt.Errorf("read deployment %s of --operator-deployment: %w", name, err)
		}
		return []appsv1.Deployment{d}, nil
	}
	var list appsv1.DeploymentList
	if err := c.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list the deployments: %w", err)
	}
	var found []appsv1.Deployment
	for _, d := range list.Items {
		if isKoperator(&d) {
			found = append(found, d)
		}
	}
	return found, nil
}

// isKoperator reports whether the image or the labels are Koperator's. Strimzi and
// others have other names.
func isKoperator(d *appsv1.Deployment) bool {
	for _, container := range d.Spec.Template.Spec.Containers {
		image := container.Image[strings.LastIndex(container.Image, "/")+1:]
		if koperatorName.MatchString(image) && !strings.Contains(container.Image, "strimzi") {
			return true
		}
	}
	for _, label := range []string{"app.kubernetes.io/name", "app.kubernetes.io/instance", "app"} {
		if value := d.Labels[label]; value == "koperator" || value == "kafka-operator" {
			return true
		}
	}
	return false
}

func (k koperator) Name() string {
	name := "Koperator (KafkaCluster " + k.cluster + ")"
	if k.deployment != nil {
		name += fmt.Sprintf(", Deployment %s/%s", k.deployment.object.GetNamespace(), k.deployment.object.GetName())
	}
	return name
}

func (k koperator) Problems() []string { return k.problems }

func (k koperator) Asks() []Right {
	if k.deployment == nil {
		return nil
	}
	return []Right{k.deployment.asks()}
}

func (k koperator) Stop(ctx context.Context, r *Runner) error  { return k.deployment.stop(ctx, r) }
func (k koperator) Start(ctx context.Context, r *Runner) error { return k.deployment.start(ctx, r) }

// Nudge does nothing: Koperator creates the claim when claim and pod are gone.
func (koperator) Nudge(context.Context, *Runner) error { return nil }

func (k koperator) StopByHand() []string  { return []string{k.byHand("0")} }
func (k koperator) StartByHand() []string { return []string{k.byHand("1")} }

func (k koperator) byHand(replicas string) string {
	if k.deployment == nil {
		return "kubectl scale deployment -n KOPERATORS_NAMESPACE KOPERATORS_DEPLOYMENT --replicas=" + replicas
	}
	if replicas != "0" {
		replicas = k.deployment.had()
	}
	return k.deployment.byHand(replicas)
}
