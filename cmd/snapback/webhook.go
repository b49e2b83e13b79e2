package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	crwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/snapback-dev/snapback/webhook"
)

func webhookCommand() *cobra.Command {
	var common commonFlags
	var server crwebhook.Options
	var failOpen bool
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Answer the creation of PVCs: a lost broker's claim gets its newest snapshot",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWebhook(cmd.Context(), common, server, failOpen)
		},
	}
	common.register(cmd, ":8081", ":8080")
	cmd.Flags().StringVar(&server.Host, "host", "", "address to serve on; default: all")
	cmd.Flags().IntVar(&server.Port, "port", 9443, "port to serve on")
	cmd.Flags().StringVar(&server.CertDir, "cert-dir", "/certs", "folder of tls.crt and tls.key; a renewed certificate is taken up")
	cmd.Flags().BoolVar(&failOpen, "fail-open", false, "let a claim through, with a warning, when its snapshots cannot be looked up: its broker may start empty")
	return cmd
}

func runWebhook(ctx context.Context, common commonFlags, options crwebhook.Options, failOpen bool) error {
	m, err := common.newManager(webhook.CacheOptions(), crwebhook.NewServer(options))
	if err != nil {
		return err
	}
	warm := &warmer{cache: m.GetCache()}
	if err := m.Add(warm); err != nil {
		return fmt.Errorf("add the filling of the caches: %w", err)
	}
	watcher, err := client.NewWithWatch(m.GetConfig(), client.Options{Scheme: m.GetScheme(), Mapper: m.GetRESTMapper(), HTTPClient: m.GetHTTPClient()})
	if err != nil {
		return fmt.Errorf("set up the client of the snapshots: %w", err)
	}
	catalog := webhook.NewCatalog(watcher)
	if err := m.Add(catalog); err != nil {
		return fmt.Errorf("add the catalog of snapshots: %w", err)
	}
	readers := webhook.Readers{Cached: m.GetCache(), Live: m.GetAPIReader(), Mapper: m.GetRESTMapper(), Catalog: catalog}
	handler := webhook.NewHandler(readers, m.GetEventRecorder("snapback"), time.Now)
	handler.FailOpen = failOpen
	server := m.GetWebhookServer() // asked for, it is started too
	server.Register("/mutate-pvc", &crwebhook.Admission{Handler: handler})
	checks := errors.Join(
		m.AddHealthzCheck("ping", healthz.Ping),
		m.AddReadyzCheck("listener", server.StartedChecker()),
		m.AddReadyzCheck("caches", warm.check),
		m.AddReadyzCheck("snapshots", func(*http.Request) error { _, err := catalog.Known(); return err }),
	)
	if checks != nil {
		return fmt.Errorf("set up the health checks: %w", checks)
	}
	return m.Start(ctx)
}
