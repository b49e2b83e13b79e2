// Command kubectl-snapback is the kubectl plugin: "kubectl snapback".
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/cli"
)

// version is set at build time.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetLogger(logr.Discard()) // what there is to say is said in words
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	if err := cli.New(streams, version).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", cli.Message(err))
		os.Exit(1)
	}
}
