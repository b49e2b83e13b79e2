package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/reach"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/recovery"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots"
)

// restoreFlags are the flags of the command.
type restoreFlags struct {
	recovery.Request
	before     string
	servers    string
	deployment string
	dry        *dryRun
	timeout    time.Duration
}

func restoreCommand(o *options) *cobra.Command {
	f := &restoreFlags{}
	cmd := &cobra.Command{
		Use:   "restore [CLUSTER]",
		Short: "Restore a broker to its newest snapshot, or the whole cluster to one run",
		Long: `Restore a broker to its newest snapshot, or the whole cluster to one run.

It prints a plan first: which claim gets which snapshot, how old that is, what is lost, and what stands in the way. Then it asks,
and carries the plan out: the snapshots are held and pinned, the webhook is asked in a dry run whether it agrees, the storage makes a
volume of the largest snapshot aside, the PersistentVolumes of the claims are set to Retain, the claims and their pods are deleted, and
the operator makes them again. It ends when the new claims are bound and the pods ready, with the commands that remove the old volumes.

Nothing is stopped or deleted before that trial, and no trial is made where no disk would be replaced. --skip-trial does without it,
--discard-old-volumes has the old volumes deleted with their claims: who may not read and patch PersistentVolumes has no other choice.

--broker restores a broker, with all of its disks, to its newest good snapshot. Kafka is asked first: if a partition has no other replica
in sync, the plan says which records would be lost, and is blocked unless --accept-loss names the broker. It also says which peer has to
be elected first, since it may hold more than the snapshot. Kafka is asked again just before the disks are replaced, and the command
ends when Kafka has the broker in sync in all of its partitions. Only then it goes on with the next --broker. --timeout is how long it
waits without progress.

Kafka is asked as spec.kafka of the KafkaBackup says, else without TLS where the operator or the brokers' Service says that they listen.
Its brokers are reached through the apiserver, which takes the right to create pods/portforward, or by --bootstrap-servers, directly.
Where Kafka cannot be asked the plan says why, and one command restores one broker: a Ready pod says that a broker runs, not that it is
in sync, and acknowledged records are lost when the next one is taken away before that. Go on only when kafka-topics.sh --describe
--under-replicated-partitions lists nothing; the plan says which brokers have come back within the hour.

The plan is blocked while another broker's claim is not bound or another restore is not finished, and says which brokers do not run. A
node that holds votes of the quorum takes --restore-quorum, too: restored alone, it can have forgotten what it has agreed to.

--all takes the whole cluster back to one run: all brokers are stopped at the same time, since broker by broker it would be undone by
replication. Its quorum goes back with it, to the same run, which takes --restore-quorum where snapback.dev/restore-quorum is not "true".
Pods have at most 10 seconds to stop, brokers before their quorum: what they would write is replaced. Meanwhile Strimzi's Kafka is
paused, StatefulSets are scaled to 0, or Koperator's Deployment is; who else sets these, such as Argo CD, must be kept from it. Later
snapshots are kept, and marked as abandoned. A Kafka of Strimzi that was made anew has another cluster id, with which no broker starts on
a restored disk: the plan says so, and --patch-cluster-id writes the old one into its status.

--before goes by when the storage has cut the disks, and not by the name of the run: one that was made up hours later, or half of it,
is of then. The plan says from when to when the disks of the run were cut, and is blocked if that is more than --max-skew.

After an interruption, the same command continues. Nothing is changed while the plan is blocked.`,
		Example: `  # See what restoring broker 2 would do
  kubectl snapback restore kafka -n kafka --broker 2 --dry-run

  # Restore broker 2, and when Kafka has it in sync, broker 3
  kubectl snapback restore kafka -n kafka --broker 2 --broker 3

  # Restore broker 2, although only it has some partitions
  kubectl snapback restore kafka -n kafka --broker 2 --accept-loss 2

  # Take the cluster back to the last complete run before a bad deployment
  kubectl snapback restore kafka -n kafka --all --before 2026-02-21T19:05:33Z --restore-quorum`,
		ValidArgsFunction: o.completeOne(clusterNames),
		GroupID:           groupRestore,
		Args:              cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.restore(cmd.Context(), f, strings.Join(args, ""))
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.Brokers, "broker", nil, "Broker to restore to its newest snapshot, its number or name; several are restored one after another")
	flags.StringArrayVar(&f.AcceptLoss, "accept-loss", nil, "Broker that may lose what no other broker has in sync, as the plan says")
	flags.StringVar(&f.servers, "bootstrap-servers", "", "Addresses of Kafka's brokers that this machine reaches, host:port with commas between, instead of through the apiserver")
	flags.BoolVar(&f.All, "all", false, "Restore the whole cluster, to the run of --from-run or --before")
	flags.StringVar(&f.Run, "from-run", "", "Run to restore, such as 20260221-190533: the label snapback.dev/run of its snapshots")
	flags.StringVar(&f.before, "before", "", "Restore the newest complete run none of whose disks was cut after this time, such as 2026-02-21T19:05:33Z")
	flags.DurationVar(&f.MaxSkew, "max-skew", snapshots.MaxSkew, "How far apart the first and the last disk of the run may have been cut")
	flags.BoolVar(&f.RestoreQuorum, "restore-quorum", false, "Restore the volumes of KRaft controllers, combined nodes and ZooKeeper, too, where the KafkaBackup does not say so already")
	flags.BoolVar(&f.PatchClusterID, "patch-cluster-id", false, "With --all: give a Kafka of Strimzi that was made anew the cluster id of the snapshots")
	flags.BoolVar(&f.Discard, "discard-old-volumes", false, "Let the old volumes be deleted with their claims, instead of setting them to Retain first")
	flags.BoolVar(&f.SkipTrial, "skip-trial", false, "Do not try first, before anything is stopped or deleted, whether the storage can make a volume from a snapshot")
	flags.StringVar(&f.deployment, "operator-deployment", "", "NAMESPACE/NAME of Koperator's Deployment, where it is not found")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "How long to wait for each step, such as a claim that is filled, a pod that becomes ready, or a broker that comes no nearer to being in sync")
	f.dry = addDryRun(cmd)
	dry := flags.Lookup("dry-run")
	dry.Usage, dry.NoOptDefVal = `"client" or "server", also without a value: print the plan only, nothing is written`, string(dryRunClient)
	o.addYes(cmd)
	return cmd
}

func (o *options) restore(ctx context.Context, f *restoreFlags, cluster string) error {
	deployment, err := f.parse()
	if err != nil {
		return err
	}
	s, inv, err := o.loadCluster(ctx, cluster, rehearsal.Warnings{Out: o.ErrOut})
	if err != nil {
		return err
	}
	around, err := recovery.Look(ctx, s, s.namespace)
	if err != nil {
		return err
	}
	asker := reach.New(s.config, s, inv, f.servers, o.now)
	defer asker.Close()
	if around.Kafka.Observation, err = asker.Observe(ctx); err != nil {
		around.Kafka.Why = err.Error()
	}
	plan, err := recovery.NewPlan(inv, inv.Clusters()[0], around, f.Request, o.now())
	if err != nil {
		return err
	}
	operator, err := recovery.FindOperator(ctx, s, plan, deployment)
	if err != nil {
		return err
	}
	own, operators, err := recovery.CheckRights(ctx, s, plan, operator)
	if err != nil {
		return err
	}
	operators = append(operator.Problems(), operators...)
	plan.Blocks = append(plan.Blocks, append(own, operators...)...)
	if err := recovery.Print(o.Out, plan, operator, o.now()); err != nil {
		return err
	}
	if len(operators) > 0 && plan.All {
		fmt.Fprintln(o.Out, "By hand, by somebody who may:\n  "+strings.Join(recovery.ByHand(plan, operator), "\n  "))
	}
	switch {
	case len(plan.Blocks) > 0:
		return errors.New("the plan is blocked, nothing was changed: fix what it says and run this again")
	case *f.dry != dryRunNone:
		return nil
	}
	if err := o.confirm("Carry it out?"); err != nil {
		return err
	}
	r := &recovery.Runner{Client: s, Kafka: asker.Confirmed, Plan: plan, Operator: operator, Timeout: f.timeout, Out: o.ErrOut}
	if err := r.Run(ctx); err != nil {
		return err
	}
	recovery.PrintRestored(o.Out, plan)
	return nil
}

// parse checks the flags, and parses those that are not plain text.
func (f *restoreFlags) parse() (deployment types.NamespacedName, err error) {
	if f.before != "" {
		if f.Before, err = time.Parse(time.RFC3339, f.before); err != nil {
			return deployment, fmt.Errorf("--before %q: must be a time such as 2026-02-21T19:05:33Z", f.before)
		}
	}
	if f.MaxSkew < 0 {
		return deployment, errors.New("--max-skew: must be a duration such as 20m")
	}
	if f.timeout <= 0 {
		return deployment, errors.New("--timeout: must be a positive duration such as 10m")
	}
	if f.deployment != "" {
		namespace, name, ok := strings.Cut(f.deployment, "/")
		if !ok || namespace == "" || name == "" {
			return deployment, fmt.Errorf("--operator-deployment %q: must be NAMESPACE/NAME", f.deployment)
		}
		deployment = types.NamespacedName{Namespace: namespace, Name: name}
	}
	return deployment, nil
}
