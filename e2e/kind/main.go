// Command kind installs Snapback into a kind cluster and checks there what the
// embedded cluster has no means for: brokers in pods, on mounted volumes, and
// what becomes of them while Snapback itself is killed, upgraded and removed.
//
// It needs a Docker engine and kind, and leaves neither cluster nor image
// behind. The environment variable KIND_IMAGE names another node image.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// options are the flags.
type options struct {
	only      *regexp.Regexp
	keep      bool
	artifacts string
}

func main() {
	var o options
	only := flag.String("run", "", "regular expression; only checks whose name matches")
	flag.BoolVar(&o.keep, "keep", false, "leave the cluster, and take one that was left; its Snapback is that of before until something restarts it")
	flag.StringVar(&o.artifacts, "artifacts", "_artifacts/kind", "folder for the logs and events of a failure")
	flag.Parse()
	o.only = regexp.MustCompile(*only)
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "kind:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	start := time.Now()
	k, err := newKind(ctx, o.keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	progress("building the images")
	if err := buildImages(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeImages()) }()
	progress("creating the cluster")
	if err := k.create(ctx); err != nil {
		return err
	}
	w, err := newWorld(k)
	if err != nil {
		return err
	}
	progress("installing storage, cert-manager and Snapback")
	if err := w.setUp(ctx); err != nil {
		return errors.Join(err, w.keepEvidence(o.artifacts))
	}
	return w.checkAll(ctx, o, start)
}

// progress tells how far the suite is, apart from what it has checked.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "kind: "+format+"\n", args...) }
