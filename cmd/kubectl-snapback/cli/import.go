package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/transfer"
)

type importing struct {
	*options
	file, class string
	dry         *dryRun
	timeout     time.Duration
}

func importCommand(o *options) *cobra.Command {
	i := &importing{options: o}
	cmd := &cobra.Command{
		Use:   "import -f FILE",
		Short: "Make the snapshots of an export known to this cluster, so that new brokers start with their data",
		Long: `Make the snapshots of an export known to this Kubernetes cluster.

For each snapshot it creates a VolumeSnapshotContent (deletionPolicy Retain) that points to the stored
snapshot, and a VolumeSnapshot bound to it, with the name, the times and the identities that it had. Do it
before the Kafka cluster is created here: the first creation of its brokers' claims is then a restore. The
driver must be installed here and reach the same storage.

It is checked before anything is written that the namespaces are there and that no other object has the
names. What is there already from an import is left as it is: import again after an interruption. At the end
it waits until the driver has found every stored snapshot, and names those that it has not.

The imported snapshots are accepted for the first Kafka cluster of their name here, unless Kafka's own cluster
id is known and differs: brokers would not start. What to do about it is printed. No KafkaBackup prunes them,
and the stored data stays when they are deleted: it may be the other cluster's still.`,
		Example: `  # Into the namespaces that the snapshots were in
  kubectl snapback import -f export.yaml

  # What would be done, as the apiserver sees it
  kubectl snapback import -f export.yaml --dry-run=server

  # Into another namespace, out of a ConfigMap that was copied here
  kubectl get configmap snapshots -n kafka -o jsonpath='{.data.export\.yaml}' | kubectl snapback import -f - -n restored`,
		GroupID: groupMove,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return i.run(cmd.Context()) },
	}
	cmd.Flags().StringVarP(&i.file, "filename", "f", "", "file that export has written; -: standard input")
	cmd.Flags().StringVar(&i.class, "class", "", "VolumeSnapshotClass to name, where the driver needs the secrets of one")
	i.dry = addDryRun(cmd)
	cmd.Flags().Lookup("dry-run").NoOptDefVal = string(dryRunClient)
	cmd.Flags().DurationVar(&i.timeout, "timeout", 2*time.Minute, "how long to wait until the driver has found the stored snapshots; 0: do not wait")
	_ = cmd.MarkFlagRequired("filename") // it is there
	return cmd
}

func (i *importing) run(ctx context.Context) error {
	document, err := i.read()
	if err != nil {
		return err
	}
	s, err := i.connect(nil)
	if err != nil {
		return err
	}
	steps, err := i.plan(ctx, s, document.Snapshots)
	if err != nil {
		return err
	}
	created, err := i.do(ctx, s, steps)
	if err != nil {
		return err
	}
	fmt.Fprintf(i.Out, "%d imported, %d there already.\n%s", created, len(steps)-created, transfer.Next(document.Snapshots, ptr.Deref(i.flags.Namespace, "")))
	return i.await(ctx, s, steps)
}

// await waits until the imported snapshots are ready.
func (i *importing) await(ctx context.Context, s *session, steps []transfer.Step) error {
	if *i.dry != dryRunNone || i.timeout <= 0 {
		return nil
	}
	var pairs []transfer.Pair
	for _, step := range steps {
		pairs = append(pairs, step.Pair)
	}
	return transfer.Await(ctx, s, pairs, i.timeout)
}

// do carries out the steps, prints each, and returns how many it imported.
func (i *importing) do(ctx context.Context, s *session, steps []transfer.Step) (created int, err error) {
	if err := i.rehearse(ctx, s, steps); err != nil {
		return 0, err
	}
	for _, step := range steps {
		name := step.Snapshot.Namespace + "/" + step.Snapshot.Name
		if step.Done() {
			fmt.Fprintf(i.Out, "volumesnapshot %s unchanged\n", name)
			continue
		}
		if err := i.apply(ctx, s, step); err != nil {
			return created, fmt.Errorf("%w; %d of %d were imported: import again to go on", err, created, len(steps))
		}
		created++
		fmt.Fprintf(i.Out, "volumesnapshot %s imported%s\n", name, i.dry.suffix())
	}
	return created, nil
}

func (i *importing) read() (transfer.Document, error) {
	in := i.In
	if i.file != "-" {
		file, err := os.Open(i.file)
		if err != nil {
			return transfer.Document{}, fmt.Errorf("read the export: %w", err)
		}
		defer file.Close() //nolint:errcheck // nothing was written
		in = file
	}
	data, err := io.ReadAll(in)
	if err != nil {
		return transfer.Document{}, fmt.Errorf("read the export %s: %w", i.file, err)
	}
	document, err := transfer.Decode(data)
	if err != nil {
		return document, fmt.Errorf("read the export %s: %w", i.file, err)
	}
	return document, nil
}

// plan returns what to do. It only reads.
func (i *importing) plan(ctx context.Context, s *session, all []transfer.Snapshot) ([]transfer.Step, error) {
	var pairs []transfer.Pair
	taken := map[client.ObjectKey]bool{}
	for _, snapshot := range all {
		p, err := transfer.Import(snapshot, ptr.Deref(i.flags.Namespace, ""), i.class)
		if err != nil {
			return nil, err
		}
		key := client.ObjectKeyFromObject(p.Snapshot)
		if taken[key] {
			return nil, fmt.Errorf("the export has two snapshots named %s, of two namespaces: import without -n", key.Name)
		}
		taken[key] = true
		pairs = append(pairs, p)
	}
	if err := checkNamespaces(ctx, s, pairs); err != nil {
		return nil, err
	}
	if err := i.checkClasses(ctx, s, pairs); err != nil {
		return nil, err
	}
	steps := make([]transfer.Step, len(pairs))
	for n, p := range pairs {
		found, err := transfer.Look(ctx, s, p)
		if err != nil {
			return nil, err
		}
		if steps[n], err = transfer.Plan(p, found); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

func checkNamespaces(ctx context.Context, s *session, pairs []transfer.Pair) error {
	known := map[string]bool{}
	for _, p := range pairs {
		name := p.Snapshot.Namespace
		if known[name] {
			continue
		}
		known[name] = true
		err := s.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{})
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("namespace %s is not there: create it first, or import into another with -n", name)
		}
		if err != nil && !apierrors.IsForbidden(err) { // tenants often may not read it; the rehearsal finds out
			return fmt.Errorf("read namespace %s: %w", name, err)
		}
	}
	return nil
}

// checkClasses checks that the drivers and the class exist. A user who may not
// list them gets no warning.
func (i *importing) checkClasses(ctx context.Context, s *session, pairs []transfer.Pair) error {
	var classes snapshotv1.VolumeSnapshotClassList
	var drivers storagev1.CSIDriverList
	err := s.List(ctx, &classes)
	if err == nil {
		err = s.List(ctx, &drivers)
	}
	known := map[string]bool{}
	for _, d := range drivers.Items {
		known[d.Name] = true
	}
	for n := range classes.Items {
		class := &classes.Items[n]
		known[class.Driver] = true
		if class.Name == i.class {
			return transfer.Mismatch(pairs, class)
		}
	}
	switch {
	case apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return fmt.Errorf("list the drivers and volumesnapshotclasses: %w", err)
	case i.class != "":
		return fmt.Errorf("there is no VolumeSnapshotClass %q", i.class)
	}
	for _, d := range transfer.Unknown(pairs, known) {
		fmt.Fprintf(i.ErrOut, "warning: this cluster has no CSIDriver and no VolumeSnapshotClass of driver %s: its snapshots do not become ready, and claims wait, until it is installed\n", d)
	}
	return nil
}

// rehearse sends the first creation of each namespace as a dry run, so that missing
// rights are found before anything is written.
func (i *importing) rehearse(ctx context.Context, s *session, steps []transfer.Step) error {
	if *i.dry != dryRunNone {
		return nil
	}
	rehearsed := map[string]bool{}
	for _, step := range steps {
		if step.Done() || rehearsed[step.Snapshot.Namespace] {
			continue
		}
		rehearsed[step.Snapshot.Namespace] = true
		if err := transfer.Apply(ctx, s, step, client.DryRunAll); err != nil {
			return fmt.Errorf("nothing was imported: %w", err)
		}
	}
	return nil
}

func (i *importing) apply(ctx context.Context, s *session, step transfer.Step) error {
	switch *i.dry {
	case dryRunClient:
		return nil
	case dryRunServer:
		return transfer.Apply(ctx, s, step, client.DryRunAll)
	}
	return transfer.Apply(ctx, s, step)
}
