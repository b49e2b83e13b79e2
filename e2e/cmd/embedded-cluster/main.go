// Command embedded-cluster runs the cluster of the end-to-end tests.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// The parts of a cluster end with the thread that started them; the main
// thread lives as long as the process.
func init() { runtime.LockOSThread() }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	root := &cobra.Command{Use: "embedded-cluster", Short: "A Kubernetes control plane with CSI snapshots, as processes on loopback",
		SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(buildCommand(), runCommand(), upCommand(), downCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "embedded-cluster:", err)
		os.Exit(1)
	}
}

func buildCommand() *cobra.Command {
	return &cobra.Command{
		Use: "build", Short: "Build the upstream components into the cache, once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cluster.BuildComponents(cmd.Context(), os.Stdout); err != nil {
				return err
			}
			_, err := cluster.BuildCertManager(cmd.Context())
			return err
		},
	}
}

func runCommand() *cobra.Command {
	var options cluster.Options
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use: "run", Short: "Run a cluster until standard input ends", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			if lifetime > 0 {
				time.AfterFunc(lifetime, cancel)
			} else {
				go func() {
					_, _ = io.Copy(io.Discard, os.Stdin) // whoever asked for the cluster holds the other end
					cancel()
				}()
			}
			return cluster.Run(ctx, options, os.Stdout)
		},
	}
	cmd.Flags().BoolVar(&options.Snapback, "snapback", true, "also run the webhook and the scheduler")
	cmd.Flags().StringVar(&options.Storage, "storage", "", "folder of the CSI driver's volumes and snapshots; empty: they go with the cluster")
	cmd.Flags().BoolVar(&options.NoSnapshots, "no-snapshots", false, "leave the snapshot API out")
	cmd.Flags().DurationVar(&lifetime, "for", 0, "run this long, and not until standard input ends")
	cmd.Flags().StringVar(&options.Logs, "logs", "", "folder to keep the logs in")
	return cmd
}

func upCommand() *cobra.Command {
	var lifetime time.Duration
	cmd := &cobra.Command{
		Use: "up", Short: "Leave a cluster running, for a person to try things on", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kubeconfig, err := cluster.Up(cmd.Context(), lifetime)
			if err != nil {
				return err
			}
			fmt.Printf("The cluster is up with Snapback running, and takes itself down in %s; \"make cluster-down\" does it sooner.\n", lifetime)
			fmt.Printf("export KUBECONFIG=%s\n", kubeconfig)
			return nil
		},
	}
	cmd.Flags().DurationVar(&lifetime, "for", 4*time.Hour, "how long it may run")
	return cmd
}

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "Stop what up has left running", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cluster.Down(cmd.Context())
		},
	}
}
