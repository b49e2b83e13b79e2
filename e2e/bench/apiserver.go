package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
)

// hostOf is the host and port of the cluster's apiserver.
func hostOf(c *cluster.Cluster) (string, error) {
	address, err := url.Parse(c.Config.Host)
	if err != nil {
		return "", fmt.Errorf("read the address of the apiserver: %w", err)
	}
	return address.Host, nil
}

// through writes a kubeconfig like Snapback's that goes through the proxy.
func through(c *cluster.Cluster, p *proxy) (string, error) {
	config, err := c.SnapbackConfig()
	if err != nil {
		return "", err
	}
	config.Host = "https://" + p.address()
	file := filepath.Join(c.Dir, "bench.kubeconfig")
	return file, cluster.WriteKubeconfig(file, config)
}

// startAPIServer starts another apiserver on the cluster's etcd, with an audit log of
// its own. It has seen as little as one that was restarted.
func startAPIServer(ctx context.Context, c *cluster.Cluster) (*program, *auditor, error) {
	pid, err := child(c.Pid, "/kube-apiserver ")
	if err != nil {
		return nil, nil, err
	}
	args, err := arguments(pid)
	if err != nil {
		return nil, nil, err
	}
	port, err := ports.Port()
	if err != nil {
		return nil, nil, err
	}
	audit := filepath.Join(c.Dir, fmt.Sprintf("audit-%d.log", port))
	for i, arg := range args {
		if strings.HasPrefix(arg, "--secure-port=") {
			args[i] = fmt.Sprintf("--secure-port=%d", port)
		}
		if strings.HasPrefix(arg, "--audit-log-path=") {
			args[i] = "--audit-log-path=" + audit
		}
	}
	p, err := startProgram(c, "apiserver", args[0], args[1:]...)
	if err != nil {
		return nil, nil, err
	}
	p.address = fmt.Sprintf("127.0.0.1:%d", port)
	p.health = "https://" + p.address + "/readyz"
	err = p.warm(ctx, c.Config)
	if err != nil {
		p.kill()
	}
	return p, &auditor{file: audit}, err
}

// warm waits until an apiserver has read all objects from etcd.
func (p *program) warm(ctx context.Context, admin *rest.Config) error {
	client, err := rest.HTTPClientFor(admin)
	if err != nil {
		return fmt.Errorf("make a client of the apiserver: %w", err)
	}
	took, err := p.ready(ctx, client)
	if err != nil {
		return err
	}
	for _, resource := range []string{"/api/v1/persistentvolumeclaims", "/api/v1/persistentvolumes",
		"/apis/snapshot.storage.k8s.io/v1/volumesnapshots", "/apis/snapback.dev/v1alpha1/kafkabackups"} {
		err := p.until(ctx, func(ctx context.Context) error {
			_, err := get(ctx, client, "https://"+p.address+resource+"?limit=1&resourceVersion=0&fieldSelector=metadata.name=none")
			return err
		})
		if err != nil {
			return err
		}
	}
	progress("another apiserver is ready after %s", took.Round(time.Second))
	return idle(ctx, "the second apiserver", func() (usage, error) { return cpuOf(p) })
}
