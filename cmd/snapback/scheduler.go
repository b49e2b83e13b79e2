package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler"
)

type schedulerFlags struct {
	commonFlags
	historyFlags
	namespace            string // of the leader's Lease
	keepContents, drills bool
}

func schedulerCommand() *cobra.Command {
	var f schedulerFlags
	cmd := &cobra.Command{
		Use:   "scheduler",
		Short: "Take and prune the snapshots that KafkaBackups ask for",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	f.commonFlags.register(cmd, ":8083", ":8082")
	f.historyFlags.register(cmd)
	cmd.Flags().StringVar(&f.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace of the leader's Lease; default: $POD_NAMESPACE")
	cmd.Flags().BoolVar(&f.keepContents, "keep-contents", false, "keep the VolumeSnapshotContents of pruned snapshots if their class has deletionPolicy Retain")
	cmd.Flags().BoolVar(&f.drills, "drills", false, "\"snapback drills\" is installed too, and carries out the restore drills that KafkaBackups ask for")
	return cmd
}

func (f *schedulerFlags) run(ctx context.Context) error {
	if f.namespace == "" {
		return fmt.Errorf("--namespace: must be the namespace of the leader's Lease")
	}
	m, err := f.newManager(cacheOptions(), nil)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find the host name for the leader election: %w", err)
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, f.namespace, v1alpha1.LeaseName,
		resourcelock.ResourceLockConfig{Identity: host + "_" + uuid.NewString()}, m.GetConfig(), 10*time.Second)
	if err != nil {
		return fmt.Errorf("set up the leader's Lease: %w", err)
	}
	tracer, stop := newTracer(ctx, "snapback-scheduler")
	defer stop() // last: spans may be lost, and the history may not
	recorder, flush, err := f.newHistory(m, history.Scheduler)
	if err != nil {
		return err
	}
	defer flush()
	s := &scheduler.Scheduler{Manager: m, Clock: clock, Lock: lock, KeepContents: f.keepContents, History: recorder,
		Connect: connectKafka(m), Drills: f.drills, Tracer: tracer}
	if err := m.Add(s); err != nil {
		return fmt.Errorf("add the scheduler: %w", err)
	}
	checks := errors.Join(
		m.AddHealthzCheck("ping", healthz.Ping),
		m.AddReadyzCheck("election", func(*http.Request) error {
			if !s.Elected() {
				return errors.New("no leader has been seen yet: the apiserver does not answer")
			}
			return nil
		}),
		m.AddReadyzCheck("caches", synced(m.GetCache())), // a non-leader uses none, so it passes
		m.AddReadyzCheck("snapshots", func(*http.Request) error { return s.Synced() }),
	)
	if checks != nil {
		return fmt.Errorf("set up the health checks: %w", checks)
	}
	return m.Start(ctx)
}
