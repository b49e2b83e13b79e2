package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	crwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/snapshots/watched"
	"github.com/snapback-dev/snapback/webhook"
)

// webhookFlags are the flags of the webhook.
type webhookFlags struct {
	commonFlags
	certFlags
	historyFlags
	server   crwebhook.Options
	failOpen bool
	drain    time.Duration
}

func webhookCommand() *cobra.Command {
	var f webhookFlags
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Answer the creation of PVCs: the claim of a lost broker gets its newest snapshot",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	f.commonFlags.register(cmd, ":8081", ":8080")
	f.certFlags.register(cmd)
	f.historyFlags.register(cmd)
	cmd.Flags().StringVar(&f.server.Host, "host", "", "address to serve on; default: all")
	cmd.Flags().IntVar(&f.server.Port, "port", 9443, "port to serve on")
	cmd.Flags().BoolVar(&f.failOpen, "fail-open", false, "admit a claim, with a warning, when its snapshots cannot be looked up: its broker may start empty")
	cmd.Flags().DurationVar(&f.drain, "drain", 10*time.Second, "how long to keep answering after the signal to stop, while no longer ready")
	return cmd
}

func (f *webhookFlags) run(ctx context.Context) error {
	keeper, err := f.keeper(f.clientConfig())
	if err != nil {
		return err
	}
	caches := webhook.CacheOptions()
	f.server.TLSOpts = []func(*tls.Config){hardened}
	if keeper == nil {
		f.server.CertDir = f.dir
	} else {
		keeper.CacheOptions(&caches)
		f.server.TLSOpts = append(f.server.TLSOpts, func(c *tls.Config) { c.GetCertificate = keeper.GetCertificate })
	}
	m, err := f.newManager(caches, crwebhook.NewServer(f.server))
	if err != nil {
		return err
	}
	if keeper != nil {
		keeper.Observe = webhook.ObserveCertificate
		if err := errors.Join(keeper.AddTo(m), m.AddReadyzCheck("certificate", keeper.Check)); err != nil {
			return err
		}
	}
	warm := &warmer{cache: m.GetCache()}
	if err := m.Add(warm); err != nil {
		return fmt.Errorf("add the runnable that fills the caches: %w", err)
	}
	watcher, err := watched.NewClient(m)
	if err != nil {
		return err
	}
	catalog, backups := webhook.NewCatalog(watcher), webhook.NewBackups(watcher)
	if err := errors.Join(m.Add(catalog), m.Add(backups)); err != nil {
		return fmt.Errorf("add the watches of snapshots and KafkaBackups: %w", err)
	}
	readers := webhook.Readers{Cached: m.GetCache(), Live: m.GetAPIReader(), Mapper: m.GetRESTMapper(), Catalog: catalog, Backups: backups}
	handler := webhook.NewHandler(readers, m.GetEventRecorder("snapback"), clock.Now)
	handler.FailOpen = f.failOpen
	tracer, stop := newTracer(ctx, "snapback-webhook")
	defer stop() // last: spans may be lost, and the history may not
	handler.Tracer = tracer
	var flush func()
	if handler.History, flush, err = f.newHistory(m, history.Webhook); err != nil {
		return err
	}
	defer flush() // after the last answer
	drained, drain := drainer(ctx, f.drain)
	server := m.GetWebhookServer() // this call also adds the server to the manager
	server.Register("/mutate-pvc", drain.handler(handler.Admission()))
	checks := errors.Join(
		m.AddHealthzCheck("ping", healthz.Ping),
		m.AddReadyzCheck("drain", drain.check),
		m.AddReadyzCheck("listener", server.StartedChecker()),
		m.AddReadyzCheck("caches", warm.check),
		m.AddReadyzCheck("backups", func(*http.Request) error { return backups.Known() }),
		m.AddReadyzCheck("snapshots", func(*http.Request) error { _, err := catalog.Known(); return err }),
	)
	if checks != nil {
		return fmt.Errorf("set up the health checks: %w", checks)
	}
	return m.Start(drained)
}
