package apachekafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/certs"
	asking "github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/kafka/properties"
)

// asker is a client of Snapback's, on the brokers' plain listeners.
func (k *kafka) asker(ids ...int) *asking.Client {
	k.Helper()
	var config asking.Config
	for _, id := range ids {
		config.Bootstrap = append(config.Bootstrap, k.Nodes[id].Addr())
	}
	return k.askerWith(config)
}

func (k *kafka) askerWith(config asking.Config) *asking.Client {
	k.Helper()
	client, err := asking.NewClient(config)
	k.must(err)
	k.Cleanup(client.Close)
	return client
}

// wantReason asks with a configuration that does not work, and checks which reason
// people are given.
func (k *kafka) wantReason(name string, config asking.Config, reason string) {
	k.Helper()
	_, err := k.askerWith(config).Observe(k.ctx)
	if p := access.Explain(err); p.Reason != reason {
		k.Errorf("%s: %s %q of %v, want %s", name, p.Reason, p.Message, err, reason)
	}
}

// TestAsk compares what Snapback's client says with what was done to the cluster.
func TestAsk(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(3)})
	minISR := map[string]string{"min.insync.replicas": "2"}
	k.must(k.CreateTopic(k.ctx, "t", minISR, []int32{0, 1}, []int32{2, 0}))
	k.produce("t", 0, 0, 100)
	k.produce("t", 1, 0, 10)
	asker := k.asker(0, 1)
	o, err := asker.Observe(k.ctx)
	k.must(err)
	first, _ := o.Partition(asking.TopicPartition{Topic: "t"})
	switch {
	case o.ClusterID != k.ID, len(o.Brokers) != 3, len(o.Silent) > 0, !o.ELRKnown:
		t.Errorf("observed %+v", o)
	case o.Quorum == nil || o.Quorum.Leader != 100 || len(o.Quorum.Voters) != 1:
		t.Errorf("the quorum is %+v", o.Quorum)
	case first.End != 100 || first.Start != 0 || len(first.ISR) != 2 || o.Topic("t").MinISR != 2 || o.Topic("t").ID == asking.TopicID{}:
		t.Errorf("topic t is %+v", o.Topic("t"))
	}
	for id := range 3 {
		if !slices.ContainsFunc(o.LogDirs, func(d asking.LogDir) bool {
			return int(d.Broker) == id && d.Path == k.Nodes[id].LogDirs()[0] && len(d.Replicas) > 0 && d.Err == nil
		}) {
			t.Errorf("no log dir of broker %d in %+v", id, o.LogDirs)
		}
	}

	k.Kill(1)
	k.must(k.InSync(k.ctx, "t", 0, 1))
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		o, err = asker.Observe(ctx)
		if err != nil {
			return err
		}
		if p, _ := o.Partition(asking.TopicPartition{Topic: "t"}); !slices.Equal(p.ELR, []int32{1}) || o.Registered(1) || len(o.Silent) > 0 {
			return fmt.Errorf("broker 1 should be gone, and an eligible leader: %+v, brokers %+v", p, o.Brokers)
		}
		return nil
	}))
}

// TestAskWhatIsLeft asks where an epoch ends after its records are gone.
func TestAskWhatIsLeft(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.produce("t", 0, 0, 1000)
	k.snapshot()
	k.produce("t", 0, 1000, 200)
	asker, at := k.asker(0, 1), asking.TopicPartition{Topic: "t"}
	before, err := asker.Observe(k.ctx)
	k.must(err)
	p, _ := before.Partition(at)
	k.must(k.Lose(k.ctx, 0))
	k.wantLeader("t", 0, -1)
	k.must(k.Recover(k.ctx, 0))
	k.wantLeader("t", 0, 0)
	k.produce("t", 0, 5000, 500) // whoever writes meanwhile does not hide what is gone
	ends, err := asker.EpochEnds(k.ctx, map[asking.TopicPartition]int32{at: p.LeaderEpoch})
	k.must(err)
	if ends[at] != 1000 || p.End != 1200 {
		t.Errorf("epoch %d ends at %d now, and ended at %d before: 1000 and 1200 are expected", p.LeaderEpoch, ends[at], p.End)
	}
}

// TestAskForTransactions is one under way, and one that hangs: its coordinator has
// ended it, and a restored partition does not have the end.
func TestAskForTransactions(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.must(k.CreateTopic(k.ctx, "__transaction_state", map[string]string{"cleanup.policy": "compact"}, []int32{1}))
	producer, err := k.Client(kgo.TransactionalID("tx"), kgo.DefaultProduceTopic("t"))
	k.must(err)
	defer producer.Close()
	k.must(producer.BeginTransaction())
	k.must(producer.ProduceSync(k.ctx, &kgo.Record{Value: []byte("v")}).FirstErr())
	asker, at := k.asker(1), []asking.TopicPartition{{Topic: "t"}}
	open, err := asker.OpenTransactions(k.ctx, at)
	k.must(err)
	if len(open) != 1 || open[0].Hanging {
		t.Errorf("under way: %+v", open)
	}
	k.snapshot()
	k.must(producer.EndTransaction(k.ctx, kgo.TryCommit))
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error { // the coordinator writes the end after its answer
		if open, err = asker.OpenTransactions(ctx, at); err == nil && len(open) != 0 {
			err = fmt.Errorf("committed: %+v", open)
		}
		return err
	}))
	k.must(k.Lose(k.ctx, 0))
	k.wantLeader("t", 0, -1)
	k.must(k.Recover(k.ctx, 0))
	k.wantLeader("t", 0, 0)
	if open, err = asker.OpenTransactions(k.ctx, at); err != nil || len(open) != 1 || !open[0].Hanging {
		t.Errorf("restored from before its end: %+v, %v", open, err)
	}
}

// TestAskByTLS asks brokers that want a client certificate.
func TestAskByTLS(t *testing.T) {
	authority, err := certs.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	sign := func(name string) certs.Pair {
		pair, err := authority.Sign(pkix.Name{CommonName: name}, nil, []net.IP{net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	dir, server := t.TempDir(), sign("broker")
	write := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	prefix := "listener.name.secure.ssl."
	k := start(t, Options{Nodes: Brokers(2), Secure: "SSL", Config: map[string]string{
		prefix + "client.auth":         "required",
		prefix + "keystore.type":       "PEM",
		prefix + "keystore.location":   write("keystore.pem", slices.Concat(server.Key, server.Cert)),
		prefix + "truststore.type":     "PEM",
		prefix + "truststore.location": write("truststore.pem", authority.PEM),
	}})
	config := asking.Config{Bootstrap: []string{k.Nodes[0].SecureAddr()}, TLS: &tls.Config{RootCAs: x509.NewCertPool()}}
	config.TLS.RootCAs.AppendCertsFromPEM(authority.PEM)
	k.wantReason("without a certificate", config, v1alpha1.ReasonAuthenticationFailed)
	k.wantReason("without TLS", asking.Config{Bootstrap: config.Bootstrap}, v1alpha1.ReasonTLSFailed)
	k.wantReason("TLS on a plain listener", asking.Config{Bootstrap: []string{k.Nodes[0].Addr()}, TLS: config.TLS}, v1alpha1.ReasonTLSFailed)
	k.wantReason("another CA", asking.Config{Bootstrap: config.Bootstrap, TLS: &tls.Config{RootCAs: x509.NewCertPool()}}, v1alpha1.ReasonTLSFailed)
	mine := sign("snapback")
	pair, err := tls.X509KeyPair(mine.Cert, mine.Key)
	k.must(err)
	config.TLS.Certificates = []tls.Certificate{pair}
	o, err := k.askerWith(config).Observe(k.ctx)
	k.must(err)
	if len(o.Brokers) != 2 || len(o.Silent) > 0 || o.Brokers[0].Port != int32(k.Nodes[0].secure) {
		t.Errorf("observed brokers %+v, silent %+v", o.Brokers, o.Silent)
	}

	file := write("client.properties", []byte("security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location="+filepath.Join(dir, "truststore.pem")+
		"\nssl.keystore.type=PEM\nssl.keystore.location="+write("mine.pem", slices.Concat(mine.Key, mine.Cert))+"\n"))
	settings, err := properties.Read(file)
	k.must(err)
	settings.Bootstrap = config.Bootstrap
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.produce("t", 0, 0, 7)
	_, ends, err := asking.NewScanner(settings.Config).Ends(k.ctx, "t")
	k.must(err)
	if end := ends[asking.TopicPartition{Topic: "t"}]; end != 7 {
		t.Errorf("with the settings of Kafka's clients t-0 ends at %d", end)
	}
	out, err := k.install.Tool(k.ctx, classes["kafka-topics"], "--bootstrap-server", config.Bootstrap[0], "--command-config", file, "--describe", "--topic", "t")
	k.must(err)
	if !strings.Contains(out, "Leader: 0") {
		t.Errorf("Kafka's own tool reads the same file, and says:\n%s", out)
	}
}

// TestAskBySCRAM asks brokers that want a password.
func TestAskBySCRAM(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2), Secure: "SASL_PLAINTEXT", Config: map[string]string{
		"listener.name.secure.sasl.enabled.mechanisms":        "SCRAM-SHA-512",
		"listener.name.secure.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
	}})
	k.must(k.Admin(func(admin *kadm.Client) error {
		altered, err := admin.AlterUserSCRAMs(k.ctx, nil, []kadm.UpsertSCRAM{{User: "snapback", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "secret"}})
		if err != nil {
			return err
		}
		return altered.Error()
	}))
	with := func(by sasl.Mechanism) asking.Config {
		return asking.Config{Bootstrap: []string{k.Nodes[0].SecureAddr(), k.Nodes[1].SecureAddr()}, SASL: by}
	}
	k.must(k.Eventually(k.ctx, func(context.Context) error { // until the brokers have heard of the user
		o, err := k.askerWith(with(scram.Auth{User: "snapback", Pass: "secret"}.AsSha512Mechanism())).Observe(k.ctx)
		if err == nil && (len(o.Brokers) != 2 || len(o.Silent) > 0) {
			err = fmt.Errorf("observed brokers %+v, silent %+v", o.Brokers, o.Silent)
		}
		return err
	}))
	k.wantReason("a wrong password", with(scram.Auth{User: "snapback", Pass: "wrong"}.AsSha512Mechanism()), v1alpha1.ReasonAuthenticationFailed)
	k.wantReason("another mechanism", with(scram.Auth{User: "snapback", Pass: "secret"}.AsSha256Mechanism()), v1alpha1.ReasonAuthenticationFailed)
	k.wantReason("no password", with(nil), v1alpha1.ReasonAuthenticationFailed)
}
