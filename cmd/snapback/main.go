// Command snapback is the server: "snapback webhook" restores broker volumes,
// "snapback scheduler" takes and prunes their snapshots, "snapback drills" restores
// them aside to prove them, "snapback verify" checks a broker's log dirs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the image has no zone files

	"github.com/spf13/cobra"
)

// version is set at build time.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "snapback",
		Short:         "Kafka brokers that come back with their data",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(webhookCommand(), schedulerCommand(), drillsCommand(), verifyCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "snapback:", err)
		os.Exit(exitCode(err))
	}
}

// The exit codes. The first says that verify has read the log dirs, and found
// something; the second of verify says nothing about them.
const exitUnsound, exitError = 1, 2

func exitCode(err error) int {
	if errors.Is(err, errUnsound) {
		return exitUnsound
	}
	return exitError
}
