package main

import (
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	crzap "sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// commonFlags are the flags of both commands.
type commonFlags struct {
	kubeconfig    string
	health        string
	metrics       string
	metricsSecure bool
	pprof         string
	logLevel      string
}

func (f *commonFlags) register(cmd *cobra.Command, health, metrics string) {
	cmd.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file; default: the cluster that the pod runs in, or $KUBECONFIG")
	cmd.Flags().StringVar(&f.health, "health-probe-bind-address", health, "address of /healthz and /readyz")
	cmd.Flags().StringVar(&f.metrics, "metrics-bind-address", metrics, "address of /metrics; 0: none")
	cmd.Flags().BoolVar(&f.metricsSecure, "metrics-secure", false, "serve /metrics by HTTPS, to who may get that non-resource URL; it takes the right to create tokenreviews and subjectaccessreviews")
	cmd.Flags().StringVar(&f.pprof, "pprof-bind-address", "", "loopback address of /debug/pprof; default: none")
	cmd.Flags().StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

// newManager sets up logs, clients and caches. It elects no leader.
func (f *commonFlags) newManager(caches cache.Options, server webhook.Server) (manager.Manager, error) {
	level, err := zapcore.ParseLevel(f.logLevel)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	if f.pprof != "" {
		if err := loopbackOnly(f.pprof); err != nil {
			return nil, fmt.Errorf("--pprof-bind-address: %w", err)
		}
	}
	log.SetLogger(crzap.New(crzap.Level(zap.NewAtomicLevelAt(level))))
	config, err := f.restConfig()
	if err != nil {
		return nil, err
	}
	m, err := ctrl.NewManager(config, manager.Options{
		Scheme:                 api.NewScheme(),
		Cache:                  caches,
		NewCache:               newCache,
		HealthProbeBindAddress: f.health,
		Metrics:                f.metricsOptions(),
		PprofBindAddress:       f.pprof,
		WebhookServer:          server,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the clients and caches: %w", err)
	}
	return m, nil
}

// newCache makes a cache without asking the apiserver, which may be away, or
// may not know VolumeSnapshots yet, whether the kinds of the options are
// namespaced.
func newCache(config *rest.Config, options cache.Options) (cache.Cache, error) {
	known := meta.NewDefaultRESTMapper(nil)
	known.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	known.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	known.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	known.Add(corev1.SchemeGroupVersion.WithKind("PersistentVolume"), meta.RESTScopeRoot)
	known.Add(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), meta.RESTScopeNamespace)
	known.Add(snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot"), meta.RESTScopeNamespace)
	known.Add(admissionregistrationv1.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration"), meta.RESTScopeRoot)
	options.Mapper = meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{known, options.Mapper}}
	return cache.New(config, options)
}

func (f *commonFlags) clientConfig() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil)
}

func (f *commonFlags) restConfig() (*rest.Config, error) {
	config, err := f.clientConfig().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	config.QPS = -1 // the apiserver's own fairness bounds us; a throttle here would spread a run's cuts
	config.UserAgent = "snapback/" + version
	return config, nil
}

// cacheOptions keeps memory small: only Snapback's own snapshots, and nothing
// that it does not read.
func cacheOptions() cache.Options {
	own := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			// Nobody here changes a snapshot that was read, and there are many.
			&snapshotv1.VolumeSnapshot{}: {Label: own, UnsafeDisableDeepCopy: ptr.To(true), Transform: slim},
			&corev1.ConfigMap{}:          {Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}), Transform: slim},
			// As the manifests label it.
			&admissionregistrationv1.MutatingWebhookConfiguration{}: {Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/name": "snapback"})},
		},
	}
}

// slim keeps of what tenants write only what is read of it.
func slim(o any) (any, error) {
	switch o := o.(type) {
	case *snapshotv1.VolumeSnapshot:
		return snapshots.SlimSnapshot(o), nil
	case *corev1.ConfigMap:
		return snapshots.SlimConfigMap(o), nil
	}
	return o, nil
}
