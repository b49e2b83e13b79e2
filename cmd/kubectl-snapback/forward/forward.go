package forward

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Forwarder dials the brokers of a namespace through the apiserver. The user needs
// the right to create pods/portforward.
type Forwarder struct {
	config    *rest.Config
	client    client.Reader
	pods      rest.Interface
	namespace string
}

// New returns a Forwarder. It sends no request yet.
func New(config *rest.Config, c client.Reader, namespace string) (*Forwarder, error) {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &Forwarder{config, c, clients.CoreV1().RESTClient(), namespace}, nil
}

// Dial connects to the pod that has the address. It looks the pod up each time: a
// restored broker has another one.
func (f *Forwarder) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", addr, err)
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("address %s: its port is no number", addr)
	}
	w, err := f.look(ctx)
	if err != nil {
		return nil, err
	}
	pod, port, err := w.resolve(host, int32(number))
	if err != nil {
		return nil, err
	}
	conn, err := f.connect(ctx, pod.Name, port)
	if err != nil {
		return nil, fmt.Errorf("forward port %d of pod %s/%s: %w", port, f.namespace, pod.Name, err)
	}
	return conn, nil
}

func (f *Forwarder) look(ctx context.Context) (world, error) {
	var pods corev1.PodList
	if err := f.client.List(ctx, &pods, client.InNamespace(f.namespace)); err != nil {
		return world{}, fmt.Errorf("list the pods: %w", err)
	}
	var services corev1.ServiceList
	if err := f.client.List(ctx, &services, client.InNamespace(f.namespace)); err != nil {
		return world{}, fmt.Errorf("list the services: %w", err)
	}
	return world{f.namespace, pods.Items, services.Items}, nil
}

// connect opens a connection for one port. The library cannot be interrupted while
// it connects.
func (f *Forwarder) connect(ctx context.Context, pod string, port int32) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := f.open(pod, port)
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		return r.conn, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				_ = r.conn.Close() // nobody waits for it any more
			}
		}()
		return nil, ctx.Err()
	}
}

func (f *Forwarder) open(pod string, port int32) (net.Conn, error) {
	dialer, err := f.dialer(pod)
	if err != nil {
		return nil, err
	}
	connection, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	conn, err := newConn(connection, port)
	if err != nil {
		_ = connection.Close() // the error says more
		return nil, err
	}
	return conn, nil
}

// dialer speaks with the apiserver as kubectl does: by a WebSocket, and where the
// apiserver or a proxy does not know that, by SPDY.
func (f *Forwarder) dialer(pod string) (httpstream.Dialer, error) {
	url := f.pods.Post().Resource("pods").Namespace(f.namespace).Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(f.config)
	if err != nil {
		return nil, err
	}
	older := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	newer, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, f.config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(newer, older, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
