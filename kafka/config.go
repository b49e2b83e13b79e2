package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
)

const (
	// perRequest is the time limit of one request to one broker. A broker that needs
	// longer counts as silent.
	perRequest = 5 * time.Second

	// anyBroker is the time limit of a request that any broker may answer: enough to
	// find one beside two that are gone.
	anyBroker = 3 * perRequest

	// atOnce is how many brokers are asked at the same time. Snapback is a guest.
	atOnce = 4

	// maxAnswer is the largest answer that is read, in bytes. The metadata of 50,000
	// partitions with three replicas takes 3 MiB. What tells more could use up the
	// memory of the scheduler, which observes the clusters of all tenants.
	maxAnswer = 16 << 20

	// maxFetch is how many bytes of records are asked for at once, in bytes. A larger
	// batch comes whole, so that an answer can be longer.
	maxFetch = 4 << 20
)

// Config says how to reach a Kafka cluster.
type Config struct {
	Bootstrap []string       // host:port of some brokers
	TLS       *tls.Config    // nil: plain text
	SASL      sasl.Mechanism // nil: none

	// Dial connects to the address of a broker; nil: over the network. TLS is put on
	// top of what it returns.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Addresses are those in Kafka's own setting bootstrap.servers: host:port, with
// commas between.
func Addresses(servers string) (all []string) {
	for server := range strings.SplitSeq(servers, ",") {
		if server = strings.TrimSpace(server); server != "" {
			all = append(all, server)
		}
	}
	return all
}

// options returns the options of a client that gives up soon: an answer is due once
// a minute, and the next question may be answered.
func (c Config) options() ([]kgo.Opt, error) {
	if len(c.Bootstrap) == 0 {
		return nil, errors.New("no bootstrap servers of Kafka: name at least one, as host:port")
	}
	opts := []kgo.Opt{
		kgo.ClientID("snapback"),
		kgo.SeedBrokers(c.Bootstrap...),
		kgo.Dialer(c.dial),
		kgo.RequestRetries(3),
		kgo.RetryTimeout(anyBroker),
		kgo.RequestTimeoutOverhead(perRequest),
		kgo.BrokerMaxReadBytes(maxAnswer),
		kgo.FetchMaxBytes(maxFetch),
		kgo.DisableClientMetrics(),
	}
	if c.SASL != nil {
		opts = append(opts, kgo.SASL(c.SASL))
	}
	return opts, nil
}

func (c Config) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, perRequest)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, network, addr)
	if err != nil || c.TLS == nil {
		return conn, err
	}
	config := c.TLS.Clone()
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			config.ServerName = addr
		}
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error says more
		return nil, fmt.Errorf("begin TLS with %s: %w", addr, err)
	}
	return secured, nil
}
