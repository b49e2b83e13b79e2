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
	"k8s.io/cli-runtime/pkg/printers"
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

With --kafka Snapback also asks the running Kafka: see docs/kafka.md. If that
takes Secrets, a Role and a RoleBinding are created by which Snapback may read
these, and no others.

With --dry-run=client -o yaml the objects are only printed, for "kubectl apply"
or a repository; no cluster is asked.`,
		Example: `  # Every 15 minutes, kept for 12 hours, and restored from
  kubectl snapback create test-backup -n kafka --cluster kafka --snapshot-class csi-aws-vsc \
    --schedule "@every 15m" --retention-time 12h --starting-deadline-seconds 300 --restore latest

  # The same as a file
  kubectl snapback create test-backup -n kafka --cluster kafka --snapshot-class csi-aws-vsc \
    --schedule "@every 15m" --restore latest --dry-run=client -o yaml > backup.yaml

  # Ask Kafka what would be lost, by a listener of Strimzi with TLS and SCRAM
  kubectl snapback create test-backup -n kafka --cluster kafka --snapshot-class csi-aws-vsc \
    --schedule "@every 15m" --kafka-tls --kafka-sasl-mechanism SCRAM-SHA-512 --kafka-sasl-secret snapback`,
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
		made, err := o.createAll(cmd.Context(), &w, object, kb, *dry)
		if err != nil {
			return err
		}
		return o.printMade(printing, made, *dry)
	}
	return cmd
}

// made is an object, and what was done to it.
type made struct {
	client.Object
	what string
}

// createAll creates the object, and what lets Snapback read its Secrets. It returns
// what it has made.
func (o *options) createAll(ctx context.Context, w *wanted, object client.Object, kb *v1alpha1.KafkaBackup, dry dryRun) ([]made, error) {
	const created = "created"
	if dry == dryRunClient {
		all := []made{{object, created}}
		for _, g := range grants(kb, w.kafka.systemNamespace(ctx, nil)) {
			all = append(all, made{g, created})
		}
		return all, nil
	}
	s, err := o.connect(nil)
	if err != nil {
		return nil, err
	}
	what, err := o.create(ctx, s, object, kb, dry)
	if err != nil {
		return nil, err
	}
	all := []made{{object, what}}
	for _, g := range grants(kb, w.kafka.systemNamespace(ctx, s)) {
		if what, err = s.grant(ctx, g, object, dry); err != nil {
			return nil, err
		}
		all = append(all, made{g, what})
	}
	return all, nil
}

// create creates the object unless it exists already as wanted, and returns what
// it did.
func (o *options) create(ctx context.Context, s *session, object client.Object, kb *v1alpha1.KafkaBackup, dry dryRun) (what string, err error) {
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
			object.SetUID(b.UID)
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
	if _, err := snapshots.Times(kb); err != nil {
		return err
	}
	if drill := kb.Spec.Drill; drill != nil {
		if _, err := schedule.Parse(drill.Schedule, kb.Spec.TimeZone, now); err != nil {
			return fmt.Errorf("the schedule of restore drills: %w", err)
		}
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
		if c.Field == "<nil>" { // it says only that some rules were not checked
			continue
		}
		causes = append(causes, c.Field+": "+c.Message)
	}
	slices.Sort(causes)
	return fmt.Errorf("KafkaBackup %s %w: %s", kb.Name, errByAPIServer, cmp.Or(strings.Join(causes, "; "), err.Error()))
}

// printMade prints objects as a person would write them, or with -o name and by
// default what was done to each.
func (o *options) printMade(printing *genericclioptions.PrintFlags, all []made, dry dryRun) error {
	var printer printers.ResourcePrinter
	for _, m := range all {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(m.Object)
		if err != nil {
			return fmt.Errorf("print %s: %w", m.GetName(), err)
		}
		delete(fields, "status")
		if printer == nil || *printing.OutputFormat == "" { // one printer puts a line between documents
			printing.NamePrintFlags.Operation = m.what + dry.suffix()
			if printer, err = printing.ToPrinter(); err != nil {
				return err
			}
		}
		if err := printer.PrintObj(&unstructured.Unstructured{Object: fields}, o.Out); err != nil {
			return err
		}
	}
	return nil
}
