package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

const afterLong = `Show what Kafka has made of the last restore of each volume: how far the broker is, and when it is in sync,
which records are gone, which consumer groups stand where nothing is, which transactions hang, and which
leaders lack records. Each problem comes with the command that mends it. A restore that lost nothing is one
line. Nothing is changed.

The scheduler makes the reports, whoever made the restore, if the KafkaBackup has spec.kafka; this command
reads them from its status. Records are counted from the last time that Kafka was observed before the loss:
what was written between that and the loss is gone, too, and not counted.

The form of -o json and yaml is stable: fields are added, and none is renamed or removed.`

const afterExample = `  # All restored volumes of a cluster
  kubectl snapback after my-cluster -n kafka

  # One broker
  kubectl snapback after my-cluster --broker 2`

type afterOptions struct {
	*options
	broker string
	output output
}

func afterCommand(o *options) *cobra.Command {
	a := &afterOptions{options: o}
	cmd := &cobra.Command{
		Use:               "after [CLUSTER]",
		Short:             "What came back with a restore, what is gone for good, and the commands that mend the rest",
		Long:              afterLong,
		Example:           afterExample,
		GroupID:           groupRestore,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: o.completeOne(clusterNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), append(args, "")[0]) },
	}
	cmd.Flags().StringVar(&a.broker, "broker", "", "Show only the volumes of this broker: its name or its number")
	a.output.addTo(cmd)
	return cmd
}

func (a *afterOptions) run(ctx context.Context, cluster string) error {
	if err := a.output.check(); err != nil {
		return err
	}
	c, inv, err := a.loadCluster(ctx, cluster, nil)
	if err != nil {
		return err
	}
	a.warn(inv.Notes)
	restores, err := inv.Restores(a.broker)
	if err != nil {
		return err
	}
	name := inv.Clusters()[0]
	switch a.output {
	case outputText, outputWide:
		if len(restores) == 0 {
			fmt.Fprintf(a.ErrOut, "No restore of Kafka cluster %s is known.\n", name)
			return nil
		}
		return printAfter(a.Out, name.Name, c.namespace, restores)
	case outputName:
		list, err := listOf(restoredClaims(restores))
		if err != nil {
			return err
		}
		return a.output.print(list, a.Out)
	}
	form := struct {
		Restores []inventory.Restore `json:"restores"`
	}{restores}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&form)
	if err != nil {
		return fmt.Errorf("convert the restores: %w", err)
	}
	object["apiVersion"], object["kind"] = "cli."+v1alpha1.GroupVersion.Group+"/v1", "Restores"
	return a.output.print(&unstructured.Unstructured{Object: object}, a.Out)
}

func restoredClaims(restores []inventory.Restore) (names []runtime.Object) {
	for _, r := range restores {
		names = append(names, nameOf("v1", "PersistentVolumeClaim", r.PersistentVolumeClaim))
	}
	return names
}
