package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/reach"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/properties"
)

const tailLong = `Name the range of offsets that each partition has lost with the last restores, find their copies in another
Kafka cluster, and write the files with which MirrorMaker 2 copies exactly these back. It changes nothing in
either cluster.

The lost ranges come from the reports of "kubectl snapback after". A copy has other offsets than the original:
it is found by the last record that is left before the range, and needs the name of the topic, and the numbers
of its partitions, to be the same in both clusters (IdentityReplicationPolicy). Stop the mirror that makes the
copy first. What it had not copied before the loss is not there.

Brokers of the restored cluster are reached through the apiserver, or by --bootstrap-servers; those of the
other one are reached from this machine, with the settings of --from-config, which is a file such as Kafka's
tools take as --command-config: PEM certificates, PLAIN and SCRAM are understood. They are written into
MirrorMaker 2's file, too. Add the settings of the restored cluster there, each with "restored." before it,
if that asks for TLS or a password.`

const tailExample = `  # Write MirrorMaker 2's files for what was lost
  kubectl snapback tail my-cluster -n kafka --from-cluster standby.example.com:9092

  # The same from a cluster that asks for TLS and a password
  kubectl snapback tail my-cluster -n kafka --from-cluster standby.example.com:9093 --from-config client.properties`

type tailFlags struct {
	broker, from, fromConfig, servers, dir string
}

func tailCommand(o *options) *cobra.Command {
	f := &tailFlags{}
	cmd := &cobra.Command{
		Use:               "tail [CLUSTER] --from-cluster HOST:PORT",
		Short:             "Write MirrorMaker 2's configuration for fetching lost records from another Kafka cluster",
		Long:              tailLong,
		Example:           tailExample,
		GroupID:           groupRestore,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: o.completeOne(clusterNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.tail(cmd.Context(), f, append(args, "")[0]) },
	}
	cmd.Flags().StringVar(&f.from, "from-cluster", "", "Brokers of the Kafka cluster that has a copy, host:port with commas between")
	cmd.Flags().StringVar(&f.fromConfig, "from-config", "", "Configuration of Kafka's clients for that cluster: TLS, certificates and password")
	cmd.Flags().StringVar(&f.broker, "broker", "", "Only what was lost with this broker: its name or its number")
	cmd.Flags().StringVar(&f.servers, "bootstrap-servers", "", "Addresses of the restored cluster's brokers that this machine reaches, host:port with commas between, instead of through the apiserver")
	cmd.Flags().StringVar(&f.dir, "dir", ".", "Folder to write "+mirrorFile+" and "+offsetsFile+" into")
	return cmd
}

func (o *options) tail(ctx context.Context, f *tailFlags, cluster string) error {
	if f.from == "" {
		return errors.New("say with --from-cluster which Kafka cluster has a copy of the records, as host:port")
	}
	other, err := properties.Read(f.fromConfig)
	if err != nil {
		return err
	}
	other.Bootstrap = kafka.Addresses(f.from)
	s, inv, err := o.loadCluster(ctx, cluster, nil)
	if err != nil {
		return err
	}
	o.warn(inv.Notes)
	restores, err := inv.Restores(f.broker)
	if err != nil {
		return err
	}
	asker := reach.New(s.config, s, inv, f.servers, o.now)
	defer asker.Close()
	lost, err := o.lostRanges(ctx, inv, asker, restores)
	if err != nil {
		return err
	}
	if len(lost) == 0 {
		fmt.Fprintln(o.Out, nothingLost(restores))
		return nil
	}
	config, err := asker.Config(ctx)
	if err != nil {
		return err
	}
	tails, starts, ends, err := kafka.FindTails(ctx, kafka.NewScanner(config), kafka.NewScanner(other.Config), lost)
	if err != nil {
		return err
	}
	if err := table(o.Out, tailRows(tails)); err != nil {
		return err
	}
	return o.writeMirror(f.dir, other, bootstrapOf(restores), tails, starts, ends)
}

// lostRanges returns what the reports say is lost. Where a report does not list all,
// Kafka is asked again.
func (o *options) lostRanges(ctx context.Context, inv *inventory.Inventory, asker *reach.Asker, restores []inventory.Restore) ([]kafka.LostRange, error) {
	var lost []kafka.LostRange
	for _, r := range restores {
		if r.Waiting != "" {
			fmt.Fprintf(o.ErrOut, "note: what was lost with claim %s is not known: %s\n", r.PersistentVolumeClaim, r.Waiting)
			continue
		}
		some, all := r.Listed()
		if !all {
			config, err := asker.Config(ctx)
			if err != nil {
				return nil, err
			}
			if some, err = compareAgain(ctx, inv, config, r); err != nil {
				return nil, err
			}
		}
		lost = append(lost, some...)
	}
	return kafka.ByPartition(lost), nil
}

func compareAgain(ctx context.Context, inv *inventory.Inventory, config kafka.Config, r inventory.Restore) ([]kafka.LostRange, error) {
	c, err := kafka.NewClient(config)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return inv.Compare(ctx, r, c)
}

// nothingLost says why there is nothing to fetch.
func nothingLost(restores []inventory.Restore) string {
	if !slices.ContainsFunc(restores, func(r inventory.Restore) bool { return r.Waiting == "" }) {
		return "No report of a restore says what is lost: see kubectl snapback after."
	}
	return "Nothing is lost, as far as the reports of the restores know."
}

// bootstrapOf are the addresses of the restored cluster, for files and commands.
func bootstrapOf(restores []inventory.Restore) string {
	for _, r := range restores {
		if r.Waiting == "" {
			return r.Bootstrap
		}
	}
	return ""
}
