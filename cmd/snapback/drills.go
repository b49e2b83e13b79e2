package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/drill"
)

// drillsFlags are the flags of "snapback drills".
type drillsFlags struct {
	commonFlags
	namespace string
	pod       string
	parallel  int
}

func drillsCommand() *cobra.Command {
	var f drillsFlags
	cmd := &cobra.Command{
		Use:   "drills",
		Short: "Carry out the restore drills that KafkaBackups ask for",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	f.register(cmd, ":8081", ":8080")
	cmd.Flags().StringVar(&f.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace of the leader's Lease and of the own pod; default: $POD_NAMESPACE")
	cmd.Flags().StringVar(&f.pod, "pod", os.Getenv("POD_NAME"), "name of the own pod, whose image drills run; default: $POD_NAME")
	cmd.Flags().IntVar(&f.parallel, "parallel", 2, "drills at once, in all clusters; a Kafka cluster has one at a time")
	return cmd
}

func (f *drillsFlags) run(ctx context.Context) error {
	switch {
	case f.namespace == "":
		return fmt.Errorf("--namespace: must be the namespace of the leader's Lease and of the own pod")
	case f.pod == "":
		return fmt.Errorf("--pod: must be the name of the own pod, whose image drills run")
	case f.parallel < 1:
		return fmt.Errorf("--parallel: must be at least 1")
	}
	m, err := f.newManager(drillsCacheOptions(), nil, f.elect)
	if err != nil {
		return err
	}
	r := &drill.Reconciler{
		Client: m.GetClient(), APIReader: m.GetAPIReader(), Mapper: m.GetRESTMapper(), Recorder: m.GetEventRecorder("snapback"),
		Clock: clock, Self: types.NamespacedName{Namespace: f.namespace, Name: f.pod}, Parallel: f.parallel,
	}
	if err := r.Add(m); err != nil {
		return err
	}
	checks := errors.Join(m.AddHealthzCheck("ping", healthz.Ping), m.AddReadyzCheck("caches", synced(m.GetCache())))
	if checks != nil {
		return fmt.Errorf("set up the health checks: %w", checks)
	}
	return m.Start(ctx)
}

// elect sets the Lease of the leader. The process ends when it loses it: nothing else
// is in its pod.
func (f *drillsFlags) elect(config *rest.Config, o *manager.Options) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find the host name for the leader election: %w", err)
	}
	o.LeaderElection, o.LeaderElectionReleaseOnCancel = true, true
	o.LeaderElectionResourceLockInterface, err = resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, f.namespace, v1alpha1.DrillsName,
		resourcelock.ResourceLockConfig{Identity: host + "_" + uuid.NewString()}, config, 10*time.Second)
	if err != nil {
		return fmt.Errorf("set up the leader's Lease: %w", err)
	}
	return nil
}

// drillsCacheOptions are those of the scheduler, and only the pods of drills.
func drillsCacheOptions() cache.Options {
	o := cacheOptions()
	o.ByObject[&corev1.Pod{}] = cache.ByObject{Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})}
	return o
}
