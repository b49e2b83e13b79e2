// Command csidriver is a small CSI driver for end-to-end tests. A volume is a
// plain directory, <root>/volumes/<volume id>, and a snapshot is a copy of it,
// <root>/snapshots/<snapshot id>. What makes it fit for testing backups:
//
//   - A snapshot is taken at one point in time, as a disk's is: every process
//     that has files of the volume open or mapped is stopped during the copy.
//     The driver therefore runs as root; its container, if it is in one, has
//     to be privileged and in the host's pid namespace.
//   - Snapshots and volumes can be made to come late or to fail, by the
//     parameters of their VolumeSnapshotClass or StorageClass (see faults.go).
//     The same can be switched on and off while it runs, also of deletions, by
//     files in <root>/faults (see switches.go).
//   - Snapshots can be torn or damaged, by a parameter of their class, or damaged
//     afterwards by "csidriver --root DIR --damage SNAPSHOT" (see content.go).
//
// It serves one node and reports no topology.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// version is what GetPluginInfo reports as the vendor's version.
const version = "0.1.0"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "csidriver: %v\n", err)
		os.Exit(1)
	}
}

// run serves until SIGTERM or SIGINT; a second signal ends the process at once.
func run(args []string) error {
	flags := flag.NewFlagSet("csidriver", flag.ContinueOnError)
	endpoint := flags.String("endpoint", "unix:///tmp/csi.sock", "unix socket to serve on")
	root := flags.String("root", "", "directory to keep volumes and snapshots in (required)")
	nodeID := flags.String("node-id", "", "name of this node (required)")
	name := flags.String("driver-name", "dir.csi.snapback.dev", "name of the driver")
	kubelet := flags.String("registration", "", "unix socket to tell a kubelet of the driver on, such as unix:///registration/NAME-reg.sock; default: none")
	kubeletEndpoint := flags.String("kubelet-endpoint", "", "the driver's socket as the kubelet sees it; default: --endpoint")
	damage := flags.String("damage", "", "id of a snapshot below --root to damage; nothing is served then")
	showVersion := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *showVersion {
		fmt.Println(version)
		return nil
	}
	if *damage != "" {
		return damageSnapshot(*root, *damage)
	}
	if *root == "" || *nodeID == "" || *name == "" {
		return errors.New("--root, --node-id and --driver-name must not be empty")
	}
	log, err := newLogger()
	if err != nil {
		return err
	}
	defer log.Sync() //nolint:errcheck // stderr cannot always be synced

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	if *kubelet != "" {
		r := &registrar{log: log, name: *name, endpoint: cmp.Or(*kubeletEndpoint, *endpoint)}
		if err := r.register(ctx, *kubelet); err != nil {
			return err
		}
	}
	return serve(ctx, *endpoint, config{root: *root, nodeID: *nodeID, name: *name, log: log, now: time.Now})
}

// serve runs the driver on endpoint until ctx ends. Calls under way are
// finished first, so no process stays frozen.
func serve(ctx context.Context, endpoint string, cfg config) error {
	// The socket comes first: a second driver must not tidy away what a
	// running one is still copying.
	listener, err := listen(endpoint)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it, once it served
	d, err := newDriver(cfg)
	if err != nil {
		return err
	}
	server := newServer(d)
	context.AfterFunc(ctx, server.GracefulStop)
	cfg.log.Info("serving", zap.String("endpoint", endpoint), zap.String("root", cfg.root),
		zap.String("driver", cfg.name), zap.String("version", version))
	if err := server.Serve(listener); err != nil {
		return fmt.Errorf("serve %s: %w", endpoint, err)
	}
	cfg.log.Info("stopped")
	return nil
}

// newLogger writes JSON lines to stderr, every one of them.
func newLogger() (*zap.Logger, error) {
	cfg := zap.NewProductionConfig()
	cfg.Sampling = nil
	cfg.DisableStacktrace = true
	cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	log, err := cfg.Build()
	if err != nil {
		return nil, fmt.Errorf("build logger: %w", err)
	}
	return log, nil
}
