package access

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// explanations are asked in this order; the first one that returns a problem counts.
// An error of TLS may be wrapped in one of the dial, and that in one of the time
// limit.
var explanations = []func(error) Problem{
	explainAccess, explainKafka, explainAlert, explainCertificate, explainNoTLS, explainClosed, explainNetwork, explainTime,
}

// Explain returns why Kafka did not answer, and what to do. Its message has no port
// or address that is another one at the next try. nil gives no reason.
func Explain(err error) Problem {
	if err == nil {
		return Problem{}
	}
	for _, explain := range explanations {
		if p := explain(err); p.Reason != "" {
			p.Err = err
			return p
		}
	}
	if strings.Contains(err.Error(), "unable to dial") { // franz-go's own words, in front of what a dialer says
		return Problem{v1alpha1.ReasonUnreachable, "no connection to a broker: " + oneLine(err), err}
	}
	return Problem{v1alpha1.ReasonBadAnswer, "what answers is no Kafka broker, or its answer cannot be read (" + oneLine(err) + "): check spec.kafka.bootstrapServers", err}
}

// explainAccess returns the problem that [Config] had.
func explainAccess(err error) Problem {
	var p Problem
	errors.As(err, &p)
	return p
}

// explainKafka explains what Kafka answered in place of what was asked.
func explainKafka(err error) Problem {
	said, ok := errors.AsType[*kerr.Error](err)
	if !ok {
		return Problem{}
	}
	switch said {
	case kerr.SaslAuthenticationFailed:
		return Problem{Reason: v1alpha1.ReasonAuthenticationFailed,
			Message: "Kafka does not accept the user and password: correct the Secret that spec.kafka.sasl names, or the user in Kafka"}
	case kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState:
		return Problem{Reason: v1alpha1.ReasonAuthenticationFailed,
			Message: "the listener does not offer the mechanism (" + said.Message + "): correct spec.kafka.sasl.mechanism, or take another listener"}
	case kerr.ClusterAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed:
		return Problem{Reason: v1alpha1.ReasonNotAuthorized,
			Message: "Kafka does not let the user ask (" + said.Message + "): grant it the ACLs in docs/kafka.md"}
	}
	return Problem{Reason: v1alpha1.ReasonBadAnswer, Message: "Kafka answered " + said.Message + ": " + said.Description}
}

// explainNetwork explains why there is no connection.
func explainNetwork(err error) Problem {
	const reason = v1alpha1.ReasonUnreachable
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return Problem{Reason: reason, Message: "there is no host " + dns.Name + ": correct spec.kafka.bootstrapServers, or the broker's advertised.listeners"}
		}
		return Problem{Reason: reason, Message: "the address of host " + dns.Name + " could not be found out: look at the cluster's DNS"}
	}
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case !ok && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return Problem{Reason: reason, Message: "the broker closes the connection: look at its log, it may be stopping, or refuse the user"}
	case !ok:
		return Problem{}
	case op.Timeout() && op.Op == "dial":
		return Problem{Reason: reason, Message: "no connection to a broker in time: check spec.kafka.bootstrapServers, and NetworkPolicies between Snapback's pod and the brokers"}
	case op.Timeout():
		return Problem{}
	}
	return Problem{Reason: reason, Message: "no connection to a broker (" + oneLine(innermost(op)) + "): check that the brokers run, and spec.kafka.bootstrapServers"}
}

// innermost returns the error without addresses: the client's port differs at each
// try.
func innermost(op *net.OpError) error {
	if inner, ok := errors.AsType[*net.OpError](op.Err); ok {
		return innermost(inner)
	}
	return op.Err
}

// explainTime explains that there was no answer in time.
func explainTime(err error) Problem {
	timeout, ok := errors.AsType[net.Error](err)
	if errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return Problem{Reason: v1alpha1.ReasonTimedOut, Message: "no broker answered in time: look whether they are overloaded; what is asked next may be answered"}
	}
	return Problem{}
}
