package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	className  = "bench"           // StorageClass that waits for a consumer: nothing is provisioned
	benchLabel = "bench.test/gets" // on a namespace; "allow": its claims go to the webhook that only allows
)

// variant names the webhook that answers the claims of a namespace.
type variant struct {
	name, namespace string
	labels          map[string]string
}

var (
	none      = variant{"no webhook", "bench-none", map[string]string{v1alpha1.LabelIntercept: "off"}}
	allowOnly = variant{"allow only", "bench-allow", map[string]string{v1alpha1.LabelIntercept: "off", benchLabel: "allow"}}
	ours      = variant{"snapback", "bench-ours", nil}
	variants  = []variant{none, allowOnly, ours}
)

// bench is one run.
type bench struct {
	options options
	cluster *cluster.Cluster
	client  client.Client
	store   store
	local   *localServer
	webhook int // process of Snapback's webhook
	started time.Time
	filled  int // snapshots that are there
	cells   map[key]*cell
	memory  map[int]memory // by number of snapshots
	alone   []alone

	known       int     // snapshots that the handler alone knows
	perSnapshot float64 // bytes of heap that each of them takes
}

func newBench(ctx context.Context, c *cluster.Cluster, o options) (*bench, error) {
	b := &bench{options: o, cluster: c, started: time.Now().Add(-10 * time.Minute), cells: map[key]*cell{}, memory: map[int]memory{}}
	var err error
	if b.client, err = cluster.NewClient(c.Config); err != nil {
		return nil, err
	}
	if b.store, err = storeOf(c); err != nil {
		return nil, err
	}
	if b.webhook, err = child(c.Pid, "snapback webhook "); err != nil {
		return nil, err
	}
	if err := pauseOthers(c); err != nil {
		return nil, err
	}
	if !o.scheduler {
		if err := pause(c.Pid, "snapback scheduler "); err != nil {
			return nil, err
		}
	}
	if b.local, err = startLocal(ctx); err != nil {
		return nil, err
	}
	if err := b.setUp(ctx); err != nil {
		return nil, errors.Join(err, b.local.close())
	}
	return b, nil
}

// setUp creates all but the snapshots.
func (b *bench) setUp(ctx context.Context) error {
	objects := []client.Object{
		waitingClass(),
		allowConfiguration(b.local.url, b.local.ca),
	}
	for _, v := range variants {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: v.namespace, Labels: v.labels}})
	}
	for _, s := range shapes {
		suspended := s.backup().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true })
		objects = append(objects, suspended.Annotate(v1alpha1.AnnotationRestore, "latest").Obj())
	}
	for _, o := range objects {
		if err := b.client.Create(ctx, o); err != nil {
			return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
		}
	}
	if err := createStrimziCRDs(ctx, b.client); err != nil {
		return err
	}
	strimzi := shapes[0].name
	for _, o := range strimziResources(ours.namespace, strimzi, poolOf(strimzi)) {
		if err := b.store.put(ctx, o); err != nil {
			return err
		}
	}
	err := cluster.Eventually(ctx, time.Minute, func(ctx context.Context) error {
		if err := b.create(ctx, allowOnly, shapes[0].claim(0), true); err != nil {
			return err
		}
		if b.local.allowed.Load() == 0 {
			return errors.New("the apiserver does not ask it yet")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("wait for the webhook that only allows: %w", err)
	}
	return nil
}

// allowConfiguration has an entry like Snapback's, for the webhook at the URL.
func allowConfiguration(url string, ca []byte) *admissionregistrationv1.MutatingWebhookConfiguration {
	rule := admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"},
			Resources: []string{"persistentvolumeclaims"}, Scope: ptr.To(admissionregistrationv1.NamespacedScope)},
	}
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "bench-allow"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "allow.bench.test",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: ptr.To(url + "/allow"), CABundle: ca},
			Rules:                   []admissionregistrationv1.RuleWithOperations{rule},
			FailurePolicy:           ptr.To(admissionregistrationv1.Fail),
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{benchLabel: "allow"}},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          ptr.To(int32(5)),
			AdmissionReviewVersions: []string{"v1"},
			MatchConditions: []admissionregistrationv1.MatchCondition{{Name: "undecided",
				Expression: "!has(object.spec.dataSource) && !has(object.spec.dataSourceRef) && !has(object.spec.volumeName) && !has(object.spec.selector)"}},
		}},
	}
}
