package webhook

import (
	"context"
	"fmt"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/athand"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// maxNamedRuns is how many runs a question names: it has to fit into a URL.
const maxNamedRuns = 100

// behind is the answer to whether there are newer snapshots than the known ones.
type behind struct {
	is  bool
	err error
}

// askForNewer starts to ask whether there are newer snapshots than the known ones.
func (c *consideration) askForNewer(ctx context.Context) {
	c.newer = make(chan behind, 1)
	go func(v snapshots.Volume, known []snapshots.Snapshot, answer chan<- behind) {
		is, err := c.isBehind(ctx, v, known)
		answer <- behind{is, err}
	}(c.claim.Volume, c.known, c.newer)
}

// catchUp lists the snapshots of the volume live if there may be newer ones. Then the
// watches of what people say may be as silent.
func (c *consideration) catchUp(ctx context.Context) error {
	answer := <-c.newer
	c.newer = nil
	if answer.err != nil || !answer.is {
		return answer.err
	}
	own, err := c.listOwn(ctx, c.namespace, client.MatchingLabels{v1alpha1.LabelVolume: c.claim.Volume.Hash()})
	if err == nil && snapshots.Newest(own) != nil { // else each of the known ones will be found to be gone
		c.know(own)
	}
	if err != nil || c.told {
		return err
	}
	return c.askWord(ctx)
}

// isBehind reports whether the apiserver's watch cache has a snapshot of the volume that
// may be newer than what is known: one of a run of which none is known to be ready, in
// another version. A process that was stopped for an hour, or whose watch has been
// silent for as long, would otherwise restore what was the newest an hour ago. The
// answer to the question is empty, as a rule.
func (c *consideration) isBehind(ctx context.Context, v snapshots.Volume, known []snapshots.Snapshot) (bool, error) {
	versions := map[string]string{} // by name
	var runs []string
	for i := range known {
		s := &known[i]
		versions[s.Name] = s.ResourceVersion
		if s.Ready && len(runs) < maxNamedRuns {
			runs = append(runs, snapshots.FormatRun(s.Scheduled))
		}
	}
	others, err := unknown(v, runs)
	if err != nil {
		return false, err
	}
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshotList"))
	if err := c.Live.List(ctx, &list, client.InNamespace(v.Namespace), client.MatchingLabelsSelector{Selector: others}, athand.List); err != nil {
		return false, fmt.Errorf("ask for newer snapshots of %s: %w", v, err)
	}
	return slices.ContainsFunc(list.Items, func(o metav1.PartialObjectMetadata) bool {
		return o.DeletionTimestamp == nil && versions[o.Name] != o.ResourceVersion
	}), nil
}

// unknown selects the snapshots of a volume that are of no such run.
func unknown(v snapshots.Volume, runs []string) (labels.Selector, error) {
	of, err := labels.NewRequirement(v1alpha1.LabelVolume, selection.Equals, []string{v.Hash()})
	if err != nil {
		return nil, fmt.Errorf("select the snapshots of %s: %w", v, err)
	}
	selector := labels.NewSelector().Add(*of)
	if len(runs) == 0 {
		return selector, nil
	}
	no, err := labels.NewRequirement(v1alpha1.LabelRun, selection.NotIn, runs)
	if err != nil {
		return nil, fmt.Errorf("select the snapshots of %s: %w", v, err)
	}
	return selector.Add(*no), nil
}
