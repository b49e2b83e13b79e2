package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// explainAlert explains why a broker refuses TLS, or the client's certificate. An
// alert's type is not exported: it is the text in an error of the operation "remote
// error".
func explainAlert(err error) Problem {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return Problem{}
	}
	said := oneLine(op.Err)
	if strings.Contains(said, "certificate") {
		return Problem{Reason: v1alpha1.ReasonAuthenticationFailed,
			Message: "the broker does not accept the client's certificate (" + said + "): set spec.kafka.tls.certSecret, or correct the Secret that it names"}
	}
	return Problem{Reason: v1alpha1.ReasonTLSFailed, Message: "the broker refuses TLS (" + said + "): look at its listener"}
}

// explainCertificate explains why a broker's certificate is not accepted.
func explainCertificate(err error) Problem {
	refused, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return Problem{}
	}
	failed := func(message string) Problem { return Problem{Reason: v1alpha1.ReasonTLSFailed, Message: message} }
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](refused); ok {
		return failed("the broker's certificate cannot be checked (" + oneLine(unknown) + "): put the CA that issued it into the Secret that spec.kafka.tls.caSecret names")
	}
	if host, ok := errors.AsType[x509.HostnameError](refused); ok {
		return failed("the broker's certificate is not for " + host.Host + ": use a name that it is for, in spec.kafka.bootstrapServers and in the broker's advertised.listeners")
	}
	if wrong, ok := errors.AsType[x509.CertificateInvalidError](refused); ok && wrong.Reason == x509.Expired {
		return failed("the certificate of the broker, or of its CA, is valid from " + at(wrong.Cert.NotBefore) + " to " + at(wrong.Cert.NotAfter) + ": renew it")
	}
	return failed("the broker's certificate is not accepted: " + oneLine(refused.Err))
}

// explainNoTLS explains that only one of both sides speaks TLS.
func explainNoTLS(err error) Problem {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return Problem{Reason: v1alpha1.ReasonTLSFailed, Message: "the listener " + speaksNoTLS}
	}
	if strings.Contains(err.Error(), "begin TLS") && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) { // package kafka's words
		return Problem{Reason: v1alpha1.ReasonTLSFailed, Message: closed + speaksNoTLS}
	}
	if strings.Contains(err.Error(), "tls alert record") { // franz-go's
		return Problem{Reason: v1alpha1.ReasonTLSFailed, Message: "the listener asks for TLS: set spec.kafka.tls"}
	}
	return Problem{}
}

const (
	closed      = "the broker closes the connection at once: maybe the listener "
	speaksNoTLS = "does not speak TLS: take spec.kafka.tls away, or set the address of another listener"
)

// explainClosed explains a connection that the broker closes at the first bytes. It
// does so if it expects TLS, SASL or a client's certificate, or none of these.
func explainClosed(err error) Problem {
	first, ok := errors.AsType[*kgo.ErrFirstReadEOF](err)
	if !ok {
		return Problem{}
	}
	if strings.Contains(first.Error(), "is SASL missing") { // franz-go's guess
		return Problem{Reason: v1alpha1.ReasonAuthenticationFailed, Message: closed + "asks for a user and a password: set spec.kafka.sasl, or correct it"}
	}
	return Problem{Reason: v1alpha1.ReasonTLSFailed, Message: closed + "asks for TLS, or for a client's certificate: set spec.kafka.tls, and certSecret in it"}
}
