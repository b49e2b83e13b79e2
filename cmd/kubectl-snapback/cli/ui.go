package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/live"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/reach"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
	"github.com/snapback-dev/snapback/kafka"
)

const uiLong = `Show the Kafka clusters, their backups and restores on a web page that keeps itself up to date, and open the browser.

The page is served on this machine alone, on 127.0.0.1, until the command is ended with Ctrl-C. Nothing is installed in the cluster. It
reads and writes with your own rights, those of your kubeconfig: what you may not do, it cannot do either.

The printed address has a token, without which nothing is answered: it is for you alone. It is good as long as the command runs, for any
number of browsers. The port is a free one, another at each start; --port chooses it.

Each kind of object is listed once and watched from then on, so that you need the rights to list and to watch. If the apiserver goes away,
the page says so, and shows what was known last.

On another machine, reached by ssh, choose a port and forward the same one: ssh -L 8600:127.0.0.1:8600 HOST.`

const uiExample = `  # the Kafka clusters of a namespace
  kubectl snapback ui -n kafka

  # those of all namespaces
  kubectl snapback ui -A

  # on a machine without a browser, with ssh -L 8600:127.0.0.1:8600 HOST
  kubectl snapback ui -n kafka --port 8600 --open=false`

type uiOptions struct {
	*options
	all  bool
	open bool
	port int
}

func uiCommand(o *options) *cobra.Command {
	u := &uiOptions{options: o}
	cmd := &cobra.Command{
		Use:     "ui",
		Short:   "Show the clusters, their backups and restores on a web page of this machine",
		Long:    uiLong,
		Example: uiExample,
		GroupID: groupSee,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return u.run(cmd.Context()) },
	}
	cmd.Flags().BoolVarP(&u.all, "all-namespaces", "A", false, "Show the Kafka clusters of all namespaces")
	cmd.Flags().BoolVar(&u.open, "open", true, "Open the browser")
	cmd.Flags().IntVar(&u.port, "port", 0, "The port on 127.0.0.1; 0: a free one")
	return cmd
}

func (u *uiOptions) run(ctx context.Context) error {
	s, err := u.connect(rehearsal.Warnings{Out: io.Discard})
	if err != nil {
		return err
	}
	if u.all {
		s.namespace = ""
	}
	inventories, err := live.Start(ctx, s.config, s.namespace)
	if err != nil {
		return err
	}
	server, err := ui.Listen(ui.Config{
		Live: inventories, Client: s, Namespace: s.namespace, Where: u.where(s), Message: Message, Now: u.now,
		Doctor: func(ctx context.Context) ([]screen.Finding, error) { return u.examine(ctx, s) },
	}, u.port)
	if err != nil {
		return err
	}
	fmt.Fprintf(u.Out, "The page is at\n\n    %s\n\nfor you alone, until you end this with Ctrl-C.\n", server.URL())
	if u.open {
		if err := ui.Browse(server.Once()); err != nil {
			fmt.Fprintf(u.ErrOut, "note: open the address yourself: %v\n", err)
		}
	}
	return server.Serve(ctx)
}

// where returns, in words, which cluster and namespace are shown.
func (u *uiOptions) where(s *session) string {
	text := "all namespaces of " + s.config.Host
	if s.namespace != "" {
		text = "namespace " + s.namespace + " of " + s.config.Host
	}
	name := *u.flags.Context
	if raw, err := u.flags.ToRawKubeConfigLoader().RawConfig(); err == nil && name == "" {
		name = raw.CurrentContext
	}
	if name != "" {
		text += ", context " + name
	}
	return text
}

// examine makes the checks of the command doctor.
func (u *uiOptions) examine(ctx context.Context, s *session) ([]screen.Finding, error) {
	ask := func(ctx context.Context, c client.Client, inv *inventory.Inventory) (*kafka.Observation, error) {
		asker := reach.New(s.config, c, inv, "", u.now)
		defer asker.Close()
		return asker.Observe(ctx)
	}
	found, err := doctor.Examine(ctx, rest.CopyConfig(s.config), doctor.Options{Namespace: s.namespace, Ask: ask}, u.now)
	all := make([]screen.Finding, len(found))
	for n, f := range found {
		all[n] = screen.Finding{Check: f.Check, State: string(f.State), Subject: f.Subject, Message: f.Message, Do: f.Do}
	}
	return all, err
}
