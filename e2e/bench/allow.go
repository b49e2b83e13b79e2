package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	crwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
)

// allowCommand makes this program a webhook that only allows: a replica that can
// be killed.
const allowCommand = "allow"

func serveAllow(address, certificates string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("read the address: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("read the address: %w", err)
	}
	server := crwebhook.NewServer(crwebhook.Options{Host: host, Port: number, CertDir: certificates})
	server.Register("/allow", &crwebhook.Admission{Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
		return admission.Allowed("")
	})})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return server.Start(ctx)
}

// startAllow starts such a replica, with the certificate of that folder, and waits
// until it listens.
func startAllow(ctx context.Context, c *cluster.Cluster, certificates string) (*program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	port, err := ports.Port()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p, err := startProgram(c, "allow", self, allowCommand, address, certificates)
	if err != nil {
		return nil, err
	}
	p.address = address
	err = p.until(ctx, func(context.Context) error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}
