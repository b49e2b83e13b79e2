package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

const historyLong = `Show what Snapback has decided and done in a Kafka cluster, the newest first: which claim was restored,
refused or started empty and why, what was found afterwards, which snapshots were pruned and by which rule, what
was promoted or abandoned, which pins were taken off, and who had asked. Nothing is changed.

It reads the ConfigMap "snapback-history-CLUSTER", which has the last entries; what was dropped from it or could
not be written is said. The log of Snapback has all entries, as lines of the logger "history". A refusal that an
operator runs into again and again is one entry, with a count, and the prunes of one run are one row unless -o
asks for more. A cluster that was deleted keeps its history.

The form of -o json and yaml is stable: fields are added, and none is renamed or removed. docs/history.md tells
of the fields of "entries".`

const historyExample = `  # What happened since yesterday
  kubectl snapback history my-cluster -n kafka --since 24h

  # All about one claim, by its name or its UID, with the messages
  kubectl snapback history my-cluster --claim data-kafka-0 -o wide

  # Which snapshots were pruned, and by which rule
  kubectl snapback history my-cluster -o json | jq -r '.entries[] | select(.kind == "Pruned") | "\(.snapshot) \(.reason)"'`

// historyFlags choose entries of the history.
type historyFlags struct {
	output        output
	since         time.Duration
	volume, claim string
}

func historyCommand(o *options) *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:               "history [CLUSTER]",
		Short:             "What Snapback has decided and done: restores, refusals, prunes, and why",
		Long:              historyLong,
		Example:           historyExample,
		GroupID:           groupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: o.completeOne(clusterNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.history(cmd.Context(), append(args, "")[0], f)
		},
	}
	f.output.addTo(cmd)
	cmd.Flags().DurationVar(&f.since, "since", 0, "only what happened within this time, such as 24h; default: all")
	cmd.Flags().StringVar(&f.volume, "volume", "", "only of this volume, as the column VOLUME names it")
	cmd.Flags().StringVar(&f.claim, "claim", "", "only of the claim with this name or UID")
	return cmd
}

func (o *options) history(ctx context.Context, cluster string, f historyFlags) error {
	if err := f.output.check(); err != nil {
		return err
	}
	if f.since < 0 {
		return fmt.Errorf("--since: %s is in the future: give a time such as 24h", f.since)
	}
	s, err := o.connect(nil)
	if err != nil {
		return err
	}
	cm, err := findHistory(ctx, s, cluster)
	if err != nil {
		return err
	}
	if cm == nil { // is there such a cluster?
		_, inv, err := o.loadCluster(ctx, cluster, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.ErrOut, "Nothing was recorded of Kafka cluster %s yet.\n", inv.Clusters()[0])
		return nil
	}
	d := history.Parse(cm.Data)
	all := f.choose(d.Entries(), o.now())
	switch f.output {
	case outputText, outputWide:
		o.warn(historyNotes(d))
		if len(all) == 0 {
			fmt.Fprintf(o.ErrOut, "Nothing was recorded of what you ask for in Kafka cluster %s/%s.\n", cm.Namespace, plain(cm.Annotations[v1alpha1.AnnotationClusterName]))
			return nil
		}
		return printHistory(o.Out, all, f.output == outputWide, o.now())
	case outputName:
		return f.output.print(nameOf("v1", "ConfigMap", cm.Name), o.Out)
	}
	return f.output.printHistory(cm, d, all, o.Out)
}

// findHistory returns the ConfigMap with the history of a cluster; nil: there is none.
// Without a name there must be only one in the namespace.
func findHistory(ctx context.Context, s *session, cluster string) (*corev1.ConfigMap, error) {
	if cluster == "" {
		return findOnlyHistory(ctx, s)
	}
	key := client.ObjectKey{Namespace: s.namespace, Name: v1alpha1.HistoryName(cluster)}
	var cm corev1.ConfigMap
	if err := s.Get(ctx, key, &cm); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read the history of Kafka cluster %s/%s: %w", s.namespace, cluster, err)
	}
	if !history.IsOf(&cm, cluster) {
		return nil, fmt.Errorf("configmap %s is not a history of Snapback's: rename or delete it, so that Snapback can make its own", key)
	}
	return &cm, nil
}

func findOnlyHistory(ctx context.Context, s *session) (*corev1.ConfigMap, error) {
	var list corev1.ConfigMapList
	if err := s.List(ctx, &list, client.InNamespace(s.namespace), client.MatchingLabels{v1alpha1.LabelHistory: v1alpha1.ValueTrue}); err != nil {
		return nil, fmt.Errorf("list the histories in namespace %s: %w", s.namespace, err)
	}
	all := slices.DeleteFunc(list.Items, func(cm corev1.ConfigMap) bool {
		return !history.IsOf(&cm, cm.Annotations[v1alpha1.AnnotationClusterName])
	})
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return &all[0], nil
	}
	var names []string
	for _, cm := range all {
		names = append(names, plain(cm.Annotations[v1alpha1.AnnotationClusterName]))
	}
	slices.Sort(names)
	return nil, fmt.Errorf("namespace %s has histories of several Kafka clusters, name one: %s", s.namespace, strings.Join(names, ", "))
}

// choose returns the entries that are asked for, the newest first: the document has them
// in the order in which they were written.
func (f historyFlags) choose(all []v1alpha1.HistoryEntry, now time.Time) []v1alpha1.HistoryEntry {
	chosen := []v1alpha1.HistoryEntry{}
	for _, e := range slices.Backward(all) {
		old := f.since > 0 && now.Sub(history.Seen(e)) > f.since
		if !old && (f.volume == "" || e.Volume == f.volume) && (f.claim == "" || e.Claim == f.claim || e.ClaimUID == f.claim) {
			chosen = append(chosen, e)
		}
	}
	slices.SortStableFunc(chosen, func(a, b v1alpha1.HistoryEntry) int { return history.Seen(b).Compare(history.Seen(a)) })
	return chosen
}
