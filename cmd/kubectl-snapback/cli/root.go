// Package cli has the commands of the kubectl plugin, one a file. A command
// reads flags, asks the packages beside this one, and prints.
package cli

import (
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// options is the state that all commands share.
type options struct {
	genericiooptions.IOStreams
	flags *genericclioptions.ConfigFlags
	now   func() time.Time
	yes   bool // of addYes
}

// The groups of commands in the help.
const (
	groupSee     = "see"
	groupBackUp  = "backup"
	groupRestore = "restore"
	groupKeep    = "keep"
	groupMove    = "move"
)

// New returns "kubectl snapback" with all of its commands.
func New(streams genericiooptions.IOStreams, version string) *cobra.Command {
	o := &options{IOStreams: streams, flags: genericclioptions.NewConfigFlags(true), now: time.Now}
	root := &cobra.Command{
		Use:           "kubectl-snapback",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl snapback"},
		Short:         "Back up Kafka brokers' volumes, see what a lost one would get back, and restore",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	o.flags.ClusterName = nil // --cluster is the Kafka cluster here
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	o.flags.AddFlags(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupSee, Title: "See what there is:"},
		&cobra.Group{ID: groupBackUp, Title: "Back up:"},
		&cobra.Group{ID: groupRestore, Title: "Restore:"},
		&cobra.Group{ID: groupKeep, Title: "Keep and let go:"},
		&cobra.Group{ID: groupMove, Title: "Move to another Kubernetes cluster:"},
	)
	root.AddCommand(
		statusCommand(o),
		createCommand(o),
		runCommand(o),
		suspendCommand(o),
		resumeCommand(o),
		snapshotsCommand(o),
		drillsCommand(o),
		restoreCommand(o),
		afterCommand(o),
		tailCommand(o),
		explainCommand(o),
		doctorCommand(o),
		uiCommand(o),
		exportCommand(o),
		importCommand(o),
		holdCommand(o),
		releaseCommand(o),
		freezeCommand(o),
		unfreezeCommand(o),
		promoteCommand(o),
		startEmptyCommand(o),
	)
	return root
}
