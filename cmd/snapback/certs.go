package main

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/webhook/certs"
)

// certFlags say where the serving certificate is from.
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
	cmd.Flags().StringVar(&f.mode, "certs", certsSecret, "secret: serve with the certificate in the Secret, which cert-manager or somebody else keeps; self: also make it, renew it, and put its CA into the webhook configuration")
	cmd.Flags().StringVar(&f.namespace, "namespace", "", "namespace of the Secret and the Service; default: the pod's")
	cmd.Flags().StringVar(&f.secret, "certs-secret", v1alpha1.SecretName, "name of the Secret of the serving certificate")
	cmd.Flags().StringVar(&f.dir, "cert-dir", "", "folder of tls.crt and tls.key, to serve with in the place of a Secret's; what changes is taken up")
}

// keeper keeps the serving certificate; nil: files have it.
func (f *certFlags) keeper(config clientcmd.ClientConfig) (*certs.Keeper, error) {
	if f.mode != certsSecret && f.mode != certsSelf {
		return nil, fmt.Errorf("--certs=%s: say %s or %s", f.mode, certsSecret, certsSelf)
	}
	if f.dir != "" {
		if f.mode == certsSelf {
			return nil, fmt.Errorf("--cert-dir: --certs=%s makes a certificate of its own, leave one of them out", certsSelf)
		}
		return nil, nil
	}
	namespace := f.namespace
	if namespace == "" {
		var err error
		if namespace, _, err = config.Namespace(); err != nil {
			return nil, fmt.Errorf("find the pod's namespace, or set --namespace: %w", err)
		}
	}
	secret := types.NamespacedName{Namespace: namespace, Name: f.secret}
	return certs.NewKeeper(secret, v1alpha1.ServiceName, v1alpha1.Installation, f.mode == certsSelf, time.Now), nil
}

// hardened allows what every apiserver speaks: TLS 1.3, and of TLS 1.2 the
// suites with forward secrecy and authenticated encryption.
func hardened(c *tls.Config) {
	c.MinVersion = tls.VersionTLS12
	c.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}
