package certs

import (
	"context"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// settle is how long to wait after a CA was added until a certificate of it is
// served: all apiservers must know the CA first.
const settle = 2 * time.Second

// Keeper serves with the certificate of the Secret, and follows its changes. It is
// a [reconcile.Reconciler]. Each replica runs one.
type Keeper struct {
	Serving

	Client        client.Client // reads from a cache, see [Keeper.CacheOptions]
	Secret        types.NamespacedName
	DNSName       string // the name by which the apiserver calls the webhook
	Self          bool   // makes and renews the Secret's content, and injects its CA
	Configuration string // name of the MutatingWebhookConfiguration that gets the CA

	ca    string    // the CA that was last seen in the configuration
	since time.Time // when it was first seen there
}

var _ reconcile.Reconciler = &Keeper{}

// NewKeeper returns a keeper that takes the time from now.
func NewKeeper(secret types.NamespacedName, service, configuration string, self bool, now func() time.Time) *Keeper {
	return &Keeper{Serving: Serving{now: now}, Secret: secret, DNSName: service + "." + secret.Namespace + ".svc",
		Self: self, Configuration: configuration}
}

// CacheOptions adds the objects that the keeper reads, and no other Secret.
func (k *Keeper) CacheOptions(o *cache.Options) {
	named := func(name string) fields.Selector { return fields.OneTermEqualSelector("metadata.name", name) }
	o.ByObject[&corev1.Secret{}] = cache.ByObject{Namespaces: map[string]cache.Config{k.Secret.Namespace: {FieldSelector: named(k.Secret.Name)}}}
	o.ByObject[&admissionregistrationv1.MutatingWebhookConfiguration{}] = cache.ByObject{Field: named(k.Configuration)}
}

// AddTo adds the keeper to the manager, which runs it.
func (k *Keeper) AddTo(m manager.Manager) error {
	k.Client = m.GetClient()
	c, err := controller.New("certificate", m, controller.Options{
		Reconciler:       k,
		CacheSyncTimeout: 10 * 365 * 24 * time.Hour, // otherwise the process would end if the apiserver is down
		RateLimiter:      workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, 10*time.Second),
	})
	if err != nil {
		return fmt.Errorf("set up the controller of the certificate: %w", err)
	}
	request := reconcile.Request{NamespacedName: k.Secret}
	always := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request { return []reconcile.Request{request} })
	sources := []source.Source{
		source.Kind(m.GetCache(), client.Object(&corev1.Secret{}), always),
		source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			queue.Add(request) // the Secret may not exist yet, so that no event comes
			return nil
		}),
	}
	if k.Self {
		sources = append(sources, source.Kind(m.GetCache(), client.Object(&admissionregistrationv1.MutatingWebhookConfiguration{}), always))
	}
	for _, s := range sources {
		if err := c.Watch(s); err != nil {
			return fmt.Errorf("watch what the certificate depends on: %w", err)
		}
	}
	return nil
}

// Reconcile implements [reconcile.Reconciler].
func (k *Keeper) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	secret := &corev1.Secret{}
	err := k.Client.Get(ctx, k.Secret, secret)
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("read secret %s: %w", k.Secret, err)
	}
	there := err == nil
	if !k.Self {
		if !there {
			log.FromContext(ctx).Info("waiting for the Secret of the serving certificate", "secret", k.Secret)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, k.serve(ctx, secret)
	}
	configuration, err := k.configuration(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	secret, err = k.ensure(ctx, secret, there)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return reconcile.Result{RequeueAfter: settle}, nil // another replica was first, and the cache does not have it yet
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if wait, err := k.trusted(ctx, configuration, secret.Data[caCert]); err != nil || wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, err
	}
	return reconcile.Result{RequeueAfter: lookAgain}, k.serve(ctx, secret)
}

// serve starts to serve with the Secret's certificate, unless it is in use already.
func (k *Keeper) serve(ctx context.Context, secret *corev1.Secret) error {
	c, err := pair(secret, k.DNSName, k.now())
	if err != nil {
		return fmt.Errorf("serve with the certificate of secret %s: %w", k.Secret, err)
	}
	if old := k.current.Load(); old == nil || !old.Leaf.Equal(c.Leaf) {
		log.FromContext(ctx).Info("serving with a new certificate", "serial", c.Leaf.SerialNumber, "expires", c.Leaf.NotAfter)
		k.take(c)
	}
	return nil
}
