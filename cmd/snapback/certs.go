package main

import (
	"crypto/tls"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/webhook/certs"
)

// certFlags are the flags that say where the serving certificate comes from.
type certFlags struct {
	mode      string
	namespace string
	secret    string
	dir       string
}

const (
	certsSecret = "secret"
	certsSelf   = "self"
)

func (f *certFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.mode, "certs", certsSecret, "secret: serve with the certificate in the Secret, which cert-manager or somebody else maintains; self: also create and renew it, and write its CA into the webhook configuration")
	cmd.Flags().StringVar(&f.namespace, "namespace", "", "namespace of the Secret and the Service; default: the pod's")
	cmd.Flags().StringVar(&f.secret, "certs-secret", v1alpha1.SecretName, "name of the Secret with the serving certificate")
	cmd.Flags().StringVar(&f.dir, "cert-dir", "", "folder with tls.crt and tls.key, to use instead of a Secret; changed files are loaded again")
}

// keeper returns the keeper of the serving certificate; nil if the certificate
// is in files.
func (f *certFlags) keeper(config clientcmd.ClientConfig) (*certs.Keeper, error) {
	if f.mode != certsSecret && f.mode != certsSelf {
		return nil, fmt.Errorf("--certs=%s: must be %s or %s", f.mode, certsSecret, certsSelf)
	}
	if f.dir != "" {
		if f.mode == certsSelf {
			return nil, fmt.Errorf("--cert-dir: cannot be used with --certs=%s, which creates its own certificate: leave one of them out", certsSelf)
		}
		return nil, nil
	}
	namespace := f.namespace
	if namespace == "" {
		var err error
		if namespace, _, err = config.Namespace(); err != nil {
			return nil, fmt.Errorf("cannot find the pod's namespace, set --namespace: %w", err)
		}
	}
	secret := types.NamespacedName{Namespace: namespace, Name: f.secret}
	return certs.NewKeeper(secret, v1alpha1.ServiceName, v1alpha1.Installation, f.mode == certsSelf, clock.Now), nil
}

// hardened sets the TLS versions and ciphers: TLS 1.3, and those of TLS 1.2 with
// forward secrecy and authenticated encryption. Every apiserver supports them.
func hardened(c *tls.Config) {
	c.MinVersion = tls.VersionTLS12
	c.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}
