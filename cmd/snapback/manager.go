package main

import (
	"fmt"
	"os"

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

// commonFlags are the flags that the webhook, the scheduler and the drills share.
type commonFlags struct {
	kubeconfig    string
	health        string
	metrics       string
	metricsSecure bool
	pprof         string
	logLevel      string
}

func (f *commonFlags) register(cmd *cobra.Command, health, metrics string) {
	cmd.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file; default: $KUBECONFIG, or the cluster that the pod runs in")
	cmd.Flags().StringVar(&f.health, "health-probe-bind-address", health, "address of /healthz and /readyz")
	cmd.Flags().StringVar(&f.metrics, "metrics-bind-address", metrics, "address of /metrics; 0 turns it off")
	cmd.Flags().BoolVar(&f.metricsSecure, "metrics-secure", false, "serve /metrics over HTTPS, only to users who may get that non-resource URL; Snapback then needs the right to create tokenreviews and subjectaccessreviews")
	cmd.Flags().StringVar(&f.pprof, "pprof-bind-address", "", "loopback address of /debug/pprof; default: off")
	cmd.Flags().StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
}

// newManager returns a manager with logs, clients and caches. It has no leader
// election, unless one of the changes adds it.
func (f *commonFlags) newManager(caches cache.Options, server webhook.Server, changes ...func(*rest.Config, *manager.Options) error) (manager.Manager, error) {
	level, err := zapcore.ParseLevel(f.logLevel)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	if f.pprof != "" {
		if err := loopbackOnly(f.pprof); err != nil {
			return nil, fmt.Errorf("--pprof-bind-address: %w", err)
		}
	}
	log.SetLogger(crzap.New(crzap.WriteTo(newStream(os.Stderr, maxStall)), crzap.Level(zap.NewAtomicLevelAt(level))))
	config, err := f.restConfig()
	if err != nil {
		return nil, err
	}
	options := manager.Options{
		Scheme:                 api.NewScheme(),
		Cache:                  caches,
		NewCache:               newCache,
		HealthProbeBindAddress: f.health,
		Metrics:                f.metricsOptions(),
		PprofBindAddress:       f.pprof,
		WebhookServer:          server,
	}
	for _, change := range changes {
		if err := change(config, &options); err != nil {
			return nil, err
		}
	}
	m, err := ctrl.NewManager(config, options)
	if err != nil {
		return nil, fmt.Errorf("set up the clients and caches: %w", err)
	}
	return m, nil
}

// newCache returns a cache that knows by itself which of the kinds in the options
// are namespaced. It must not ask the apiserver, which may be down, or may not
// know VolumeSnapshots yet.
func newCache(config *rest.Config, options cache.Options) (cache.Cache, error) {
	known := meta.NewDefaultRESTMapper(nil)
	known.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	known.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	known.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	known.Add(corev1.SchemeGroupVersion.WithKind("PersistentVolume"), meta.RESTScopeRoot)
	known.Add(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), meta.RESTScopeNamespace)
	known.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
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
	config.QPS = -1 // no client-side limit: the apiserver has its own, and a limit here would spread the snapshots of a run over time
	config.UserAgent = "snapback/" + version
	return config, nil
}

// cacheOptions returns the options of the scheduler's cache. To save memory, it
// holds only Snapback's own objects, and only the fields that are read.
func cacheOptions() cache.Options {
	own := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			// No copies: there are many snapshots, and no code changes a cached one.
			&snapshotv1.VolumeSnapshot{}:    {Label: own, UnsafeDisableDeepCopy: ptr.To(true), Transform: slim},
			&corev1.ConfigMap{}:             {Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}), Transform: slim},
			&corev1.PersistentVolume{}:      {Transform: slim},
			&corev1.PersistentVolumeClaim{}: {Transform: slim},
			// The label that the manifests set.
			&admissionregistrationv1.MutatingWebhookConfiguration{}: {Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/name": "snapback"})},
		},
	}
}

// slim drops the fields that Snapback never reads, since tenants may fill them
// with anything.
func slim(o any) (any, error) {
	switch o := o.(type) {
	case *snapshotv1.VolumeSnapshot:
		return snapshots.SlimSnapshot(o), nil
	case *corev1.ConfigMap:
		return snapshots.SlimConfigMap(o), nil
	case *corev1.PersistentVolume:
		return snapshots.SlimVolume(o), nil
	case *corev1.PersistentVolumeClaim:
		return snapshots.SlimClaim(o), nil
	}
	return o, nil
}
