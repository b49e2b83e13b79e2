package access_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
)

// broker returns the address of a Kafka.
func broker(t *testing.T, opts ...kfake.Opt) string {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// server returns the address of a server that answers each connection.
func server(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answer(conn)
		}
	}()
	return l.Addr().String()
}

// TestExplainKafka asks real servers.
func TestExplainKafka(t *testing.T) {
	t.Parallel()
	start := time.Now()
	valid := func(name string, by *issued) *issued {
		return issue(t, name, by, start.Add(-time.Hour), start.Add(time.Hour))
	}
	ca, otherCA := valid("ca", nil), valid("other", nil)
	withTLS := func(of *issued) kfake.Opt { return kfake.TLS(&tls.Config{Certificates: []tls.Certificate{of.pair()}}) }
	mutual := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{valid("broker", ca).pair()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()})
	trusting := func(with ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ca.pool(), Certificates: with}
	}
	users := func(with ...kfake.Opt) []kfake.Opt {
		return append(with, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "alice", "right"))
	}
	alice := scram.Auth{User: "alice", Pass: "right"}.AsSha256Mechanism()
	for name, test := range map[string]struct {
		config       kafka.Config
		address      string
		reason, says string
	}{
		"it answers":                            {address: broker(t)},
		"TLS, a client's certificate and SCRAM": {address: broker(t, users(mutual)...), config: kafka.Config{TLS: trusting(valid("client", ca).pair()), SASL: alice}},
		"nobody listens": {address: closed(t), reason: v1alpha1.ReasonUnreachable,
			says: "no connection to a broker (connect: connection refused): check that the brokers run, and spec.kafka.bootstrapServers"},
		"no such host": {address: "kafka.invalid:9092", reason: v1alpha1.ReasonUnreachable,
			says: "there is no host kafka.invalid: correct spec.kafka.bootstrapServers, or the broker's advertised.listeners"},
		"no port": {address: "127.0.0.1:99999", reason: v1alpha1.ReasonUnreachable,
			says: "no connection to a broker (address 99999: invalid port): check that the brokers run, and spec.kafka.bootstrapServers"},
		"another CA": {address: broker(t, withTLS(valid("broker", otherCA))), config: kafka.Config{TLS: trusting()}, reason: v1alpha1.ReasonTLSFailed,
			says: "the broker's certificate cannot be checked (x509: certificate signed by unknown authority): put the CA that issued it into the Secret that spec.kafka.tls.caSecret names"},
		"another name": {address: broker(t, withTLS(valid("broker", ca))), config: kafka.Config{TLS: &tls.Config{RootCAs: ca.pool(), ServerName: "kafka-0"}}, reason: v1alpha1.ReasonTLSFailed,
			says: "the broker's certificate is not for kafka-0: use a name that it is for, in spec.kafka.bootstrapServers and in the broker's advertised.listeners"},
		"the broker's certificate has expired": {address: broker(t, withTLS(issue(t, "broker", ca, now, now.Add(time.Hour)))), config: kafka.Config{TLS: trusting()}, reason: v1alpha1.ReasonTLSFailed,
			says: "the certificate of the broker, or of its CA, is valid from 2026-02-21T19:05:00Z to 2026-02-21T20:05:00Z: renew it"},
		"no client's certificate": {address: broker(t, mutual), config: kafka.Config{TLS: trusting()}, reason: v1alpha1.ReasonAuthenticationFailed,
			says: "the broker does not accept the client's certificate (tls: certificate required): set spec.kafka.tls.certSecret, or correct the Secret that it names"},
		"another's client": {address: broker(t, mutual), config: kafka.Config{TLS: trusting(valid("client", otherCA).pair())}, reason: v1alpha1.ReasonAuthenticationFailed,
			says: "the broker does not accept the client's certificate (tls: certificate required): set spec.kafka.tls.certSecret, or correct the Secret that it names"},
		"TLS is asked for": {address: broker(t, withTLS(valid("broker", ca))), reason: v1alpha1.ReasonTLSFailed,
			says: "the broker closes the connection at once: maybe the listener asks for TLS, or for a client's certificate: set spec.kafka.tls, and certSecret in it"},
		"TLS is answered": {address: server(t, func(c net.Conn) { _, _ = c.Write([]byte{21, 3, 3, 0, 2, 2, 22}) }), reason: v1alpha1.ReasonTLSFailed,
			says: "the listener asks for TLS: set spec.kafka.tls"},
		"no TLS is answered": {address: server(t, func(c net.Conn) { fmt.Fprint(c, "Hello, world") }), config: kafka.Config{TLS: trusting()}, reason: v1alpha1.ReasonTLSFailed,
			says: "the listener does not speak TLS: take spec.kafka.tls away, or set the address of another listener"},
		"TLS is not asked for": {address: server(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1024)); _ = c.Close() }), config: kafka.Config{TLS: trusting()}, reason: v1alpha1.ReasonTLSFailed,
			says: "the broker closes the connection at once: maybe the listener does not speak TLS: take spec.kafka.tls away, or set the address of another listener"},
		"SASL is asked for": {address: broker(t, users()...), reason: v1alpha1.ReasonAuthenticationFailed,
			says: "the broker closes the connection at once: maybe the listener asks for a user and a password: set spec.kafka.sasl, or correct it"},
		"a web server": {address: server(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }), reason: v1alpha1.ReasonBadAnswer,
			says: "what answers is no Kafka broker, or its answer cannot be read (ask Kafka for its brokers: invalid large response size 1213486160 > limit 16777216; " +
				"the four size bytes are 'HTTP' in ascii, the beginning of an HTTP response; is your broker port correct?): check spec.kafka.bootstrapServers"},
		"it is silent": {address: server(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), reason: v1alpha1.ReasonTimedOut,
			says: "no broker answered in time: look whether they are overloaded; what is asked next may be answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Bootstrap = []string{test.address}
			client, err := kafka.NewClient(test.config)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			limit := time.Minute
			if test.reason == v1alpha1.ReasonTimedOut {
				limit = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			_, err = client.Observe(ctx)
			if p := access.Explain(err); p.Reason != test.reason || p.Message != test.says {
				t.Errorf("%s %q\nwant %s %q\nof %v", p.Reason, p.Message, test.reason, test.says, err)
			}
		})
	}
}

// closed returns an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// TestExplain explains errors that a test cannot make servers give.
func TestExplain(t *testing.T) {
	t.Parallel()
	read := func(port int, err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: port}, Err: err}
	}
	for name, test := range map[string]struct {
		err          error
		reason, says string
	}{
		"none":         {},
		"a problem":    {fmt.Errorf("observe: %w", access.Problem{Reason: "R", Message: "m"}), "R", "m"},
		"a password":   {fmt.Errorf("ask: %w", kerr.SaslAuthenticationFailed), v1alpha1.ReasonAuthenticationFailed, "Kafka does not accept the user and password: correct the Secret that spec.kafka.sasl names, or the user in Kafka"},
		"a mechanism":  {kerr.UnsupportedSaslMechanism, v1alpha1.ReasonAuthenticationFailed, "the listener does not offer the mechanism (UNSUPPORTED_SASL_MECHANISM): correct spec.kafka.sasl.mechanism, or take another listener"},
		"an ACL":       {kerr.ClusterAuthorizationFailed, v1alpha1.ReasonNotAuthorized, "Kafka does not let the user ask (CLUSTER_AUTHORIZATION_FAILED): grant it the ACLs in docs/kafka.md"},
		"another code": {kerr.UnsupportedVersion, v1alpha1.ReasonBadAnswer, "Kafka answered UNSUPPORTED_VERSION: The version of API is not supported."},
		"a reset": {read(40001, os.NewSyscallError("read", syscall.ECONNRESET)), v1alpha1.ReasonUnreachable,
			"no connection to a broker (read: connection reset by peer): check that the brokers run, and spec.kafka.bootstrapServers"},
		"wrapped twice": {&net.OpError{Op: "dial", Err: read(40002, syscall.ECONNRESET)}, v1alpha1.ReasonUnreachable,
			"no connection to a broker (connection reset by peer): check that the brokers run, and spec.kafka.bootstrapServers"},
		"a slow dial": {&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, v1alpha1.ReasonUnreachable,
			"no connection to a broker in time: check spec.kafka.bootstrapServers, and NetworkPolicies between Snapback's pod and the brokers"},
		"a slow read": {read(40003, os.ErrDeadlineExceeded), v1alpha1.ReasonTimedOut, "no broker answered in time: look whether they are overloaded; what is asked next may be answered"},
		"a slow DNS": {&net.DNSError{Err: "read udp 10.0.0.1:40004->10.0.0.2:53: i/o timeout", Name: "a", IsTimeout: true}, v1alpha1.ReasonUnreachable,
			"the address of host a could not be found out: look at the cluster's DNS"},
		"an end":   {fmt.Errorf("ask: %w", io.EOF), v1alpha1.ReasonUnreachable, "the broker closes the connection: look at its log, it may be stopping, or refuse the user"},
		"a dialer": {errors.New("unable to dial: pod kafka/c-0 is not running"), v1alpha1.ReasonUnreachable, "no connection to a broker: unable to dial: pod kafka/c-0 is not running"},
		"an alert": {&net.OpError{Op: "remote error", Err: errors.New("tls: protocol version not supported")}, v1alpha1.ReasonTLSFailed,
			"the broker refuses TLS (tls: protocol version not supported): look at its listener"},
		"an odd certificate": {&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}}, v1alpha1.ReasonTLSFailed,
			"the broker's certificate is not accepted: x509: certificate is not authorized to sign other certificates"},
	} {
		if p := access.Explain(test.err); p.Reason != test.reason || p.Message != test.says {
			t.Errorf("%s: %s %q\nwant %s %q", name, p.Reason, p.Message, test.reason, test.says)
		}
	}
}
