package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

func statusCommand(flags *genericclioptions.ConfigFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "status [CLUSTER]",
		Short: "Each broker volume, its claim, and its newest good snapshot: the data loss if it died now",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
			if err != nil {
				return fmt.Errorf("find the namespace: %w", err)
			}
			c, err := newClient(flags)
			if err != nil {
				return err
			}
			volumes, err := look(cmd.Context(), c, namespace)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				volumes = slices.DeleteFunc(volumes, func(v volume) bool { return v.cluster != args[0] })
			}
			if len(volumes) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "No broker volumes found in namespace %s.\n", namespace)
				return nil
			}
			return printStatus(cmd.OutOrStdout(), volumes, time.Now())
		},
	}
}

func newClient(flags *genericclioptions.ConfigFlags) (client.Client, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, snapshotv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("set up the API types: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return c, nil
}

// volume is one line of the status.
type volume struct {
	cluster, slot string
	claim         string // with its phase; empty: there is none
	newest        *snapshots.Snapshot
}

// look finds the broker volumes of a namespace: those that have a claim, and
// those of which only snapshots are left.
func look(ctx context.Context, c client.Reader, namespace string) ([]volume, error) {
	found := map[string]*volume{}
	if err := addClaims(ctx, c, namespace, found); err != nil {
		return nil, err
	}
	if err := addSnapshots(ctx, c, namespace, found); err != nil {
		return nil, err
	}
	var all []volume
	for _, v := range found {
		all = append(all, *v)
	}
	slices.SortFunc(all, func(a, b volume) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.slot, b.slot))
	})
	return all, nil
}

func addClaims(ctx context.Context, c client.Reader, namespace string, found map[string]*volume) error {
	var kbs v1alpha1.KafkaBackupList
	if err := c.List(ctx, &kbs, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list the KafkaBackups of namespace %s: %w", namespace, err)
	}
	var backups []snapshots.Backup
	for i := range kbs.Items {
		b, _ := snapshots.NewBackup(&kbs.Items[i]) // its volumeSelector counts, whatever else is wrong
		backups = append(backups, b)
	}
	var pvcs corev1.PersistentVolumeClaimList
	if err := c.List(ctx, &pvcs, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list the claims of namespace %s: %w", namespace, err)
	}
	for i := range pvcs.Items {
		pvc := &pvcs.Items[i]
		if v, ok := snapshots.Identify(namespace, pvc, backups); ok {
			found[v.Hash()] = &volume{cluster: v.Cluster, slot: v.Slot, claim: fmt.Sprintf("%s (%s)", pvc.Name, pvc.Status.Phase)}
		}
	}
	return nil
}

func addSnapshots(ctx context.Context, c client.Reader, namespace string, found map[string]*volume) error {
	var list snapshotv1.VolumeSnapshotList
	if err := c.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{snapshots.LabelManagedBy: snapshots.ManagedBy}); err != nil {
		return fmt.Errorf("list the snapshots of namespace %s: %w", namespace, err)
	}
	for i := range list.Items {
		s, err := snapshots.NewSnapshot(&list.Items[i])
		if err != nil || !s.Ready || s.Deleting {
			continue
		}
		v := found[s.Volume]
		if v == nil {
			v = &volume{cluster: s.Annotations[snapshots.AnnotationClusterName], slot: s.Annotations[snapshots.AnnotationSlot]}
			found[s.Volume] = v
		}
		if v.newest == nil || s.Scheduled.After(v.newest.Scheduled) {
			v.newest = &s
		}
	}
	return nil
}

func printStatus(out io.Writer, volumes []volume, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(w, "CLUSTER\tVOLUME\tCLAIM\tNEWEST SNAPSHOT\tAGE")
	for _, v := range volumes {
		name, age := "<none>", "-"
		if v.newest != nil {
			name, age = v.newest.Name, duration.HumanDuration(now.Sub(v.newest.Scheduled))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.cluster, v.slot, cmp.Or(v.claim, "<lost>"), name, age)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}
