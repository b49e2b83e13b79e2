package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

const statusLong = `Show on one screen how the backups of Kafka clusters are: first, with spec.kafka, what would be lost if a
broker died now, then the problems, in words, then with spec.drill what restore drills have proven, then the KafkaBackups, and for each broker volume its newest good snapshot, how old that is (the data that would
be lost if the volume died now), and what a re-created PVC of it would get. Nothing is changed.

Without a CLUSTER it shows all Kafka clusters of the namespace. The exit code is 0 also if there are
problems, unless --exit-code is given.

What would be lost is what Kafka told the scheduler, which asks about once a minute: records that no other
in-sync replica has, since the newest good snapshot. "If all brokers died" is what no snapshot has.

IF LOST is computed from what you may read; "kubectl snapback explain" asks the webhook itself.
LINEAGE is "proven" if the snapshot holds the volume's data, and "unproven" if it is of a volume that came
back empty; it counts the snapshots that are passed over for that, or were abandoned by a restore.

RESTORE SIZE is the sum of the sizes of the volumes that a KafkaBackup's snapshots would fill. They take less
where the storage keeps only what has changed.

The form of -o json and yaml is stable: fields are added, and none is renamed or removed.`

const statusExample = `  # All Kafka clusters of the namespace
  kubectl snapback status -n kafka

  # One of them, with more columns
  kubectl snapback status my-cluster -o wide

  # In a script: exit code 1 if anything is wrong anywhere
  kubectl snapback status -A --exit-code`

// errProblems is the error for the exit code, when the problems are printed.
var errProblems = errors.New("there are problems: see above")

type statusOptions struct {
	*options
	all      bool
	exitCode bool
	output   output
}

func statusCommand(o *options) *cobra.Command {
	s := &statusOptions{options: o}
	cmd := &cobra.Command{
		Use:               "status [CLUSTER]",
		Short:             "Problems first, then each broker volume and its newest good snapshot: the data loss if it died now",
		Long:              statusLong,
		Example:           statusExample,
		GroupID:           groupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: o.completeOne(clusterNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args) },
	}
	cmd.Flags().BoolVarP(&s.all, "all-namespaces", "A", false, "Show the Kafka clusters of all namespaces")
	cmd.Flags().BoolVar(&s.exitCode, "exit-code", false, "Exit with 1 if there are problems")
	s.output.addTo(cmd)
	return cmd
}

func (s *statusOptions) run(ctx context.Context, args []string) error {
	if err := s.output.check(); err != nil {
		return err
	}
	if s.all && len(args) > 0 {
		return errors.New("a CLUSTER is of one namespace: leave out --all-namespaces")
	}
	c, err := s.connect(nil)
	if err != nil {
		return err
	}
	where := "namespace " + c.namespace
	if s.all {
		c.namespace, where = "", "any namespace"
	}
	inv, err := inventory.Load(ctx, c, c.namespace)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		if inv, err = inv.Only(c.namespace, args[0]); err != nil {
			return err
		}
	}
	s.warn(inv.Notes)
	statuses := inv.Statuses(s.now())
	if len(statuses) == 0 && (s.output == outputText || s.output == outputWide) {
		fmt.Fprintf(s.ErrOut, "No broker volumes found in %s.\n", where)
		return nil
	}
	if err := s.print(statuses); err != nil {
		return err
	}
	if s.exitCode && slices.ContainsFunc(statuses, func(c inventory.Status) bool { return len(c.Problems) > 0 }) {
		return errProblems
	}
	return nil
}

func (s *statusOptions) print(all []inventory.Status) error {
	switch s.output {
	case outputText, outputWide:
		return printStatus(s.Out, all, s.output == outputWide, s.now())
	case outputName:
		list, err := listOf(statusNames(all))
		if err != nil {
			return err
		}
		return s.output.print(list, s.Out)
	}
	// An object with a kind and version, so that the form can change one day.
	form := struct {
		Clusters []inventory.Status `json:"clusters"`
	}{all}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&form)
	if err != nil {
		return fmt.Errorf("convert the status: %w", err)
	}
	object["apiVersion"], object["kind"] = "cli."+strings.TrimSuffix(v1alpha1.Domain, "/")+"/v1", "Status"
	return s.output.print(&unstructured.Unstructured{Object: object}, s.Out)
}

// statusNames returns the KafkaBackups and the claims of the clusters.
func statusNames(all []inventory.Status) (names []runtime.Object) {
	for _, c := range all {
		for _, b := range c.Backups {
			apiVersion := v1alpha1.GroupVersion.String()
			if b.Kind == "ConfigMap" {
				apiVersion = corev1.SchemeGroupVersion.String()
			}
			names = append(names, nameOf(apiVersion, b.Kind, b.Name))
		}
		for _, v := range c.Volumes {
			for _, claim := range v.Claims {
				names = append(names, nameOf("v1", "PersistentVolumeClaim", claim.Name))
			}
		}
	}
	return names
}
