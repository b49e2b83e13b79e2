package properties

import (
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/e2e/certs"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	authority, err := certs.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := authority.Sign(pkix.Name{CommonName: "me"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ca, store := write("ca.pem", string(authority.PEM)), write("me.pem", string(mine.Key)+string(mine.Cert))
	inOneLine := func(pem string) string { return strings.ReplaceAll(pem, "\n", `\n`) }
	trust := "ssl.truststore.type=PEM\nssl.truststore.location=" + ca + "\n"
	login := `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="a \\"b";` + "\n"
	for name, test := range map[string]struct {
		file                    string
		trusted, owns, password bool
		settings                int
		says                    string
	}{
		"nothing said":          {file: "request.timeout.ms=5"},
		"TLS":                   {file: "security.protocol=SSL\n" + trust, trusted: true, settings: 3},
		"TLS, the system's CAs": {file: "security.protocol=SSL", settings: 1},
		"a certificate":         {file: "security.protocol=SSL\n" + trust + "ssl.keystore.type=PEM\nssl.keystore.location=" + store, trusted: true, owns: true, settings: 5},
		"a certificate within": {file: "security.protocol=SSL\nssl.truststore.certificates=" + inOneLine(string(authority.PEM)) +
			"\nssl.keystore.certificate.chain=" + inOneLine(string(mine.Cert)) + "\nssl.keystore.key=" + inOneLine(string(mine.Key)), trusted: true, owns: true, settings: 4},
		"SCRAM":             {file: "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n" + trust + login, trusted: true, password: true, settings: 5},
		"PLAIN":             {file: "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n" + login, password: true, settings: 3},
		"JKS":               {file: "security.protocol=SSL\nssl.truststore.location=" + ca, says: "ssl.truststore.type is not PEM"},
		"no such file":      {file: "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=/none", says: "read ssl.truststore.location"},
		"no certificate":    {file: "security.protocol=SSL\nssl.truststore.certificates=x", says: "ssl.truststore has no certificate in PEM"},
		"no key":            {file: "security.protocol=SSL\nssl.keystore.certificate.chain=" + inOneLine(string(mine.Cert)), says: "ssl.keystore has no certificate with its key"},
		"no password":       {file: "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN", says: "sasl.jaas.config has no username and password"},
		"another mechanism": {file: "security.protocol=SASL_SSL\n" + login, says: "sasl.mechanism is GSSAPI"},
		"another protocol":  {file: "security.protocol=HTTP", says: "security.protocol is HTTP"},
	} {
		c, err := Read(write("client.properties", test.file))
		switch {
		case test.says != "":
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v, want %s", name, err, test.says)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case (c.TLS != nil && c.TLS.RootCAs != nil) != test.trusted, (c.TLS != nil && len(c.TLS.Certificates) == 1) != test.owns,
			(c.SASL != nil) != test.password, len(c.Settings) != test.settings, (c.TLS != nil) != strings.Contains(test.file, "SSL\n") && name != "TLS, the system's CAs":
			t.Errorf("%s: %+v", name, c)
		}
	}
	if _, err := Read(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there should be an error")
	}
	if c, err := Read(""); err != nil || c.TLS != nil || c.SASL != nil {
		t.Errorf("no file: %+v, %v", c, err)
	}
}

// TestPassword has what a password in quotes may hold.
func TestPassword(t *testing.T) {
	for text, want := range map[string]string{`password="a;b c"`: "a;b c", `password='a"b'`: `a"b`, `password=abc;`: "abc", `password="a\"b\\c"`: `a"b\c`} {
		found := loginOption.FindStringSubmatch(text)
		if found == nil || unquoted(found[2]) != want {
			t.Errorf("%s: %q, want %s", text, found, want)
		}
	}
}
