// Package properties reads the configuration files of Kafka's own clients, such as
// the one that its tools take as --command-config.
package properties

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/magiconair/properties"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/snapback-dev/snapback/kafka"
)

// Client is how a client reaches a Kafka cluster that is not the KafkaBackup's.
type Client struct {
	kafka.Config                   // without addresses
	Settings     map[string]string // those of the file that say so, for other clients
}

// Read reads a file in the format of Java's properties. It understands PEM
// certificates, PLAIN and SCRAM. No file is a client without TLS and password.
// Source: Apache Kafka, SslConfigs and SaslConfigs; KIP-651 for PEM.
func Read(file string) (Client, error) {
	if file == "" {
		return Client{}, nil
	}
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true} // a password may have a "${"
	p, err := loader.LoadFile(file)
	if err != nil {
		return Client{}, fmt.Errorf("read %s: %w", file, err)
	}
	c, err := parse(p)
	if err != nil {
		return Client{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func parse(p *properties.Properties) (c Client, err error) {
	c.Settings = map[string]string{}
	for key, value := range p.Map() {
		if key == "security.protocol" || strings.HasPrefix(key, "ssl.") || strings.HasPrefix(key, "sasl.") {
			c.Settings[key] = value
		}
	}
	protocol := p.GetString("security.protocol", "PLAINTEXT")
	switch protocol {
	case "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
	default:
		return c, fmt.Errorf("security.protocol is %s: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL is understood", protocol)
	}
	if strings.HasSuffix(protocol, "SSL") {
		if c.TLS, err = tlsOf(p); err != nil {
			return c, err
		}
	}
	if strings.HasPrefix(protocol, "SASL") {
		c.SASL, err = saslOf(p)
	}
	return c, err
}

func tlsOf(p *properties.Properties) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	trusted, err := pemOf(p, "ssl.truststore", ".certificates")
	if err != nil {
		return nil, err
	}
	if len(trusted) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(trusted) {
			return nil, errors.New("ssl.truststore has no certificate in PEM")
		}
	}
	own, err := pemOf(p, "ssl.keystore", ".certificate.chain", ".key")
	if err != nil || len(own) == 0 {
		return config, err
	}
	pair, err := tls.X509KeyPair(own, own)
	if err != nil {
		return nil, fmt.Errorf("ssl.keystore has no certificate with its key in PEM, not encrypted: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// pemOf returns a store: its parts if they stand in the file themselves, else the
// file that it names; nil: there is no such store.
func pemOf(p *properties.Properties, store string, parts ...string) ([]byte, error) {
	var all []byte
	for _, part := range parts {
		all = append(append(all, p.GetString(store+part, "")...), '\n')
	}
	file := p.GetString(store+".location", "")
	switch {
	case len(strings.TrimSpace(string(all))) > 0:
		return all, nil
	case file == "":
		return nil, nil
	case p.GetString(store+".type", "JKS") != "PEM":
		return nil, fmt.Errorf("%s.type is not PEM, which alone is understood: openssl pkcs12 or keytool can convert %s", store, file)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s.location: %w", store, err)
	}
	return content, nil
}

// loginOption finds an option of a login module in sasl.jaas.config.
var loginOption = regexp.MustCompile(`\b(username|password)\s*=\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;]+)`)

func saslOf(p *properties.Properties) (sasl.Mechanism, error) {
	login := map[string]string{}
	for _, found := range loginOption.FindAllStringSubmatch(p.GetString("sasl.jaas.config", ""), -1) {
		login[found[1]] = unquoted(found[2])
	}
	user, password := login["username"], login["password"]
	if user == "" || password == "" {
		return nil, errors.New("sasl.jaas.config has no username and password")
	}
	return kafka.Mechanism(p.GetString("sasl.mechanism", "GSSAPI"), user, password)
}

func unquoted(value string) string {
	switch value[0] {
	case '"':
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value[1 : len(value)-1])
	case '\'':
		return value[1 : len(value)-1]
	}
	return value
}
