package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

func createCommand(o *options) *cobra.Command {
	var w wanted
	printing := genericclioptions.NewPrintFlags("created")
	cmd := &cobra.Command{
		Use:   "create NAME --cluster CLUSTER --snapshot-class CLASS --schedule SCHEDULE",
		Short: "Create a KafkaBackup: snapshots of a Kafka cluster's volumes on a schedule",
		Long: `Create a KafkaBackup, or with --config-map the ConfigMap that holds one.

From the schedule's next time on, a snapshot of every broker volume of the
Kafka cluster is taken. Without --retention-time and --retention-count they are
kept for ever; of each volume the newest two ready ones always are.

Snapshots alone restore nothing: with --restore=latest a broker's claim that is
lost and created again gets its newest good snapshot.

With --dry-run=client -o yaml the object is only printed, for "kubectl apply"
or a repository; no cluster is asked.`,
		Example: `  # Every 15 minutes, kept for 12 hours, and restored from
  kubectl snapback create test-backup -n kafka --cluster kafka --snapshot-class csi-aws-vsc \
    --schedule "@every 15m" --retention-time 12h --starting-deadline-seconds 300 --restore latest

  # The same as a file
  kubectl snapback create test-backup -n kafka --cluster kafka --snapshot-class csi-aws-vsc \
    --schedule "@every 15m" --restore latest --dry-run=client -o yaml > backup.yaml`,
		GroupID: groupBackUp,
		Args:    cobra.ExactArgs(1),
	}
	w.addTo(cmd)
	printing.AddFlags(cmd)
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kb, err := w.kafkaBackup(args[0], cmd.Flags().Changed)
		if err != nil {
			return err
		}
		if kb.Namespace, _, err = o.flags.ToRawKubeConfigLoader().Namespace(); err != nil {
			return fmt.Errorf("read the kubeconfig: %w", err)
		}
		var object client.Object = kb
		if w.configMap {
			if object, err = snapshots.NewConfigMap(kb); err != nil {
				return err
			}
		}
		if err := check(kb, o.now()); err != nil && (w.configMap || *dry == dryRunClient || !errors.Is(err, errByAPIServer)) {
			return err
		}
		what := "created"
		if *dry != dryRunClient {
			if what, err = o.create(cmd.Context(), object, kb, *dry); err != nil {
				return err
			}
		}
		printing.NamePrintFlags.Operation = what + dry.suffix()
		return printWithoutStatus(o, printing, object)
	}
	return cmd
}

// create creates the object unless it exists already as wanted, and returns what
// it did.
func (o *options) create(ctx context.Context, object client.Object, kb *v1alpha1.KafkaBackup, dry dryRun) (what string, err error) {
	s, err := o.connect(nil)
	if err != nil {
		return "", err
	}
	before, err := inventory.LoadBackups(ctx, s, kb.Namespace)
	if _, ofConfigMap := object.(*corev1.ConfigMap); ofConfigMap && meta.IsNoMatchError(err) { // ConfigMaps do without the CRD
		before, err = &inventory.Inventory{}, nil
	}
	if err != nil {
		return "", err
	}
	for _, b := range before.Backups {
		if b.Name != kb.Name {
			continue
		}
		if b.Kind() == object.GetObjectKind().GroupVersionKind().Kind && same(b.KafkaBackup, kb) {
			return "unchanged", nil
		}
		return "", fmt.Errorf("%s %s exists already, and is another: change it with kubectl edit, or choose another name", b.Kind(), b.Name)
	}
	var options []client.CreateOption
	if dry == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	gvk := object.GetObjectKind().GroupVersionKind()
	if err := s.Create(ctx, object, options...); err != nil {
		return "", invalid(kb, err)
	}
	object.GetObjectKind().SetGroupVersionKind(gvk) // the client removes it
	kb.CreationTimestamp = object.GetCreationTimestamp()
	if dry == dryRunNone {
		o.tellOutlook(ctx, s, kb)
	}
	return "created", nil
}

// same reports whether a KafkaBackup is as wanted. It may have other annotations,
// too.
func same(is, wanted *v1alpha1.KafkaBackup) bool {
	for key, value := range wanted.Annotations {
		if is.Annotations[key] != value {
			return false
		}
	}
	return equality.Semantic.DeepEqual(is.Spec, wanted.Spec)
}

// errByAPIServer marks a mistake in a KafkaBackup that the apiserver finds, too, by
// the rules of the CRD.
var errByAPIServer = errors.New("is not valid")

// check returns an error if something is wrong with the spec or the annotations.
func check(kb *v1alpha1.KafkaBackup, now time.Time) error {
	cm, err := snapshots.NewConfigMap(kb)
	if err != nil {
		return err
	}
	b, err := snapshots.BackupOfConfigMap(cm)
	if err != nil {
		return fmt.Errorf("KafkaBackup %s %w: %s", kb.Name, errByAPIServer, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if _, err := schedule.Parse(kb.Spec.Schedule, kb.Spec.TimeZone, now); err != nil {
		return err
	}
	_, err = snapshots.Cluster{Backups: []snapshots.Backup{b}}.PolicyToday(nil)
	return err
}

// invalid returns a short error about what the apiserver rejects.
func invalid(kb *v1alpha1.KafkaBackup, err error) error {
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return fmt.Errorf("create kafkabackup %s/%s: %w", kb.Namespace, kb.Name, err)
	}
	var causes []string
	for _, c := range status.Status().Details.Causes {
		causes = append(causes, c.Field+": "+c.Message)
	}
	slices.Sort(causes)
	return fmt.Errorf("KafkaBackup %s %w: %s", kb.Name, errByAPIServer, cmp.Or(strings.Join(causes, "; "), err.Error()))
}

// printWithoutStatus prints the object as a person would write it.
func printWithoutStatus(o *options, printing *genericclioptions.PrintFlags, object client.Object) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("print %s: %w", object.GetName(), err)
	}
	delete(fields, "status")
	printer, err := printing.ToPrinter()
	if err != nil {
		return err
	}
	return printer.PrintObj(&unstructured.Unstructured{Object: fields}, o.Out)
}
