package main_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/snapback-dev/snapback/e2e/ports"
)

// awaitEnd waits until the process has ended by itself, well.
func (p *process) awaitEnd() {
	p.Helper()
	eventually(p.T, func(context.Context) error {
		if p.running() {
			return errors.New("the process runs")
		}
		return nil
	})
}

// A rolling update refuses no claim: who goes is not ready first, and answers
// until connections go elsewhere.
func TestRollingUpdate(t *testing.T) {
	k := shared.Get(t)
	c := apiClient(t, k)
	setCA(t, c, authority(t, k))
	host, port := serviceAddress(t, k)
	service := net.JoinHostPort(host, port)
	b := newBalancer(t, service)
	file := kubeconfig(t, account(t, k))
	replica := func() *process {
		address := ports.Address(t)
		host, port, _ := net.SplitHostPort(address)
		w := run(t, "webhook", "--kubeconfig="+file, "--host="+host, "--port="+port, "--cert-dir="+k.Dir+"/webhook", "--drain=8s")
		w.awaitReady()
		b.follow(t, w, address)
		return w
	}
	old := []*process{replica(), replica()}
	awaitAnswers(t, c)
	l := newLoad(t, c, service)
	for _, w := range old {
		replica()
		l.await(50)
		w.stop()
		w.await("/readyz", false)
		w.awaitEnd()
		l.await(50)
	}
	l.end()
}
