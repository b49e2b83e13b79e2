package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/transfer"
)

type exporting struct {
	*options
	file, configMap, secret string
	all                     bool
	latest                  int
}

func exportCommand(o *options) *cobra.Command {
	e := &exporting{options: o}
	cmd := &cobra.Command{
		Use:   "export [CLUSTER]",
		Short: "Write down what another cluster needs to restore from the stored snapshots",
		Long: `Write down what another Kubernetes cluster needs to restore from the stored snapshots.

The result is one YAML document with the handles, drivers, identities and times of all ready snapshots of the
namespace, or of one Kafka cluster. It has no data: that stays in the storage, which the other cluster must
reach. "kubectl snapback import" reads it there. Nothing is changed, but for the ConfigMap or the Secret that
it is written to when you ask for one.

An entry is of use as long as the stored snapshot is there. Retention here deletes it, so export after each
run, or annotate the KafkaBackup with snapback.dev/freeze. With deletionPolicy Delete a deleted namespace takes
the stored snapshots along: use a VolumeSnapshotClass with Retain.

The document must be away from this cluster when it is lost. On a schedule, write it to a ConfigMap or a Secret
that something copies away. This CronJob does it; put your namespace and image in:

` + transfer.CronJob,
		Example: `  # All Kafka clusters of the namespace, into a file
  kubectl snapback export -n kafka -f export.yaml

  # The newest two snapshots of each volume of one cluster, into a ConfigMap
  kubectl snapback export my-cluster -n kafka --latest 2 --to-configmap snapshots`,
		GroupID: groupMove,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.run(cmd.Context(), append(args, "")[0])
		},
	}
	cmd.Flags().StringVarP(&e.file, "filename", "f", "-", "file to write; -: standard output")
	cmd.Flags().StringVar(&e.configMap, "to-configmap", "", "name of a ConfigMap to write instead, under the key "+transfer.DataKey)
	cmd.Flags().StringVar(&e.secret, "to-secret", "", "name of a Secret to write instead, under the key "+transfer.DataKey)
	cmd.Flags().BoolVarP(&e.all, "all-namespaces", "A", false, "export the snapshots of all namespaces")
	cmd.Flags().IntVar(&e.latest, "latest", 0, "export only this number of the newest snapshots of each volume; 0: all")
	cmd.MarkFlagsMutuallyExclusive("filename", "to-configmap", "to-secret")
	return cmd
}

func (e *exporting) run(ctx context.Context, cluster string) error {
	if e.latest < 0 {
		return errors.New("--latest must not be negative")
	}
	s, err := e.connect(nil)
	if err != nil {
		return err
	}
	scope := transfer.Scope{Namespace: s.namespace, Cluster: cluster, Latest: e.latest}
	if e.all {
		scope.Namespace = ""
	}
	all, err := transfer.Collect(ctx, s, scope)
	if err != nil {
		return err
	}
	document := transfer.Document{Exported: e.now().UTC().Truncate(1e9), Snapshots: all}
	if err := e.write(ctx, s, document); err != nil {
		return err
	}
	fmt.Fprintf(e.ErrOut, "Snapshots exported: %d.\n", len(all))
	if slices.ContainsFunc(all, func(s transfer.Snapshot) bool {
		return s.Content.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete
	}) {
		fmt.Fprintln(e.ErrOut, "warning: some have deletionPolicy Delete: when this cluster deletes such a VolumeSnapshot, or its namespace, the stored one "+
			"goes too and its entry is of no use: use a VolumeSnapshotClass with deletionPolicy Retain")
	}
	return nil
}

func (e *exporting) write(ctx context.Context, s *session, document transfer.Document) error {
	store := transfer.Store{Namespace: s.namespace, Name: e.configMap}
	if e.secret != "" {
		store.Name, store.Secret = e.secret, true
	}
	if store.Name != "" {
		changed, err := store.Write(ctx, s, document)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Out, "%s %s/%s %s\n", store.Kind(), store.Namespace, store.Name, map[bool]string{true: "written", false: "unchanged"}[changed])
		return nil
	}
	data, err := transfer.Encode(document)
	if err != nil {
		return err
	}
	if e.file == "-" {
		_, err = e.Out.Write(data)
	} else {
		err = os.WriteFile(e.file, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}
