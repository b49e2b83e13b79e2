package recovery

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// statefulSets is the Operator for StatefulSets, written by hand or by a chart.
type statefulSets struct {
	sets     []scalable // those of the quorum first
	problems []string
}

var _ Operator = statefulSets{}

// findStatefulSets returns the StatefulSets that make the plan's claims.
func findStatefulSets(ctx context.Context, c client.Client, p *Plan) (Operator, error) {
	var list appsv1.StatefulSetList
	if err := c.List(ctx, &list, client.InNamespace(p.Cluster.Namespace)); err != nil {
		return nil, fmt.Errorf("list the statefulsets: %w", err)
	}
	var found, quorum statefulSets
	covered := 0
	for n := range list.Items {
		set := &list.Items[n]
		mine := itemsOf(set, p)
		if covered += len(mine); len(mine) == 0 {
			continue
		}
		s := ofStatefulSet(set)
		found.problems = append(found.problems, s.problems(p.All)...)
		if owner := metav1.GetControllerOf(set); owner != nil && p.All {
			found.problems = append(found.problems, fmt.Sprintf("%s belongs to %s %s, whose operator would scale it up again: stop that one", s, owner.Kind, owner.Name))
		}
		for _, item := range mine {
			found.problems = append(found.problems, tooSmall(s, set, item)...)
		}
		if mine[0].Volume.Role.Quorum() {
			quorum.sets = append(quorum.sets, s)
		} else {
			found.sets = append(found.sets, s)
		}
	}
	found.sets = append(quorum.sets, found.sets...)
	if covered < len(p.Items) && !p.All {
		p.Warnings = append(p.Warnings, "no StatefulSet has all of these claims: it is not known what creates them again, if anything")
	}
	if covered == 0 || covered < len(p.Items) && p.All {
		return unknownOperator{p.All}, nil
	}
	return found, nil
}

// itemsOf returns the volumes whose claims the StatefulSet makes.
func itemsOf(set *appsv1.StatefulSet, p *Plan) (items []*Item) {
	for n := range p.Items {
		if item := &p.Items[n]; templateOf(set, item.claimName()) != nil {
			items = append(items, item)
		}
	}
	return items
}

// templateOf returns the StatefulSet's template of the claim; nil if it has none.
func templateOf(set *appsv1.StatefulSet, claim string) *corev1.PersistentVolumeClaim {
	i := slices.IndexFunc(set.Spec.VolumeClaimTemplates, func(t corev1.PersistentVolumeClaim) bool {
		ordinal, ok := strings.CutPrefix(claim, t.Name+"-"+set.Name+"-")
		return ok && digits.MatchString(ordinal)
	})
	if i < 0 {
		return nil
	}
	return &set.Spec.VolumeClaimTemplates[i]
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// tooSmall returns a problem if the template requests less than the snapshot
// needs: somebody may have enlarged the present claim by hand.
func tooSmall(s scalable, set *appsv1.StatefulSet, item *Item) []string {
	template := templateOf(set, item.claimName())
	if item.Snapshot == nil || item.Snapshot.Size == nil || item.Done {
		return nil
	}
	size, request := item.Snapshot.Size.DeepCopy(), template.Spec.Resources.Requests[corev1.ResourceStorage]
	if request.Cmp(size) >= 0 {
		return nil
	}
	return []string{fmt.Sprintf("volume %s: %s asks for %s in its template, VolumeSnapshot %s needs %s: give the template that size (kubectl delete statefulset %s --cascade=orphan, and create it again)",
		item.Volume.Slot, s, request.String(), item.Snapshot.Name, size.String(), set.Name)}
}

func (s statefulSets) Name() string {
	names := make([]string, len(s.sets))
	for n, set := range s.sets {
		names[n] = set.String()
	}
	return strings.Join(names, ", ")
}

func (s statefulSets) Problems() []string { return s.problems }

func (s statefulSets) Asks() (rights []Right) {
	for _, set := range s.sets {
		rights = append(rights, set.asks())
	}
	return rights
}

// Stop scales all down, the brokers before the quorum.
func (s statefulSets) Stop(ctx context.Context, r *Runner) error {
	for _, set := range slices.Backward(s.sets) {
		if err := set.stop(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (s statefulSets) Start(ctx context.Context, r *Runner) error {
	for _, set := range s.sets {
		if err := set.start(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// Nudge does nothing: the controller sees that the pod is gone.
func (statefulSets) Nudge(context.Context, *Runner) error { return nil }

func (s statefulSets) StopByHand() (commands []string) {
	for _, set := range slices.Backward(s.sets) {
		commands = append(commands, set.byHand("0"))
	}
	return commands
}

func (s statefulSets) StartByHand() (commands []string) {
	for _, set := range s.sets {
		commands = append(commands, set.byHand(set.had()))
	}
	return commands
}
