package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// metricsOptions returns the options of the /metrics server.
func (f *commonFlags) metricsOptions() metricsserver.Options {
	o := metricsserver.Options{BindAddress: f.metrics}
	if tracingOn() { // exemplars name traces, and only OpenMetrics has them
		o.HandlerOpts = append(o.HandlerOpts, func(h *promhttp.HandlerOpts) { h.EnableOpenMetrics = true })
	}
	if f.metricsSecure {
		o.SecureServing, o.TLSOpts, o.FilterProvider = true, []func(*tls.Config){hardened}, newGuard
	}
	return o
}

// loopbackOnly returns an error if other machines can reach the address.
func loopbackOnly(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("want host:port: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s is not a loopback address: use 127.0.0.1 and \"kubectl port-forward\"", host)
	}
	return nil
}

// guard is an HTTP filter that serves only users who may get the non-resource
// URL. controller-runtime has one too, but its dependencies (the generic
// apiserver, gRPC, CEL) make the binary half as large again.
type guard struct {
	reviews kubernetes.Interface
	known   *cache.LRUExpireCache // HTTP status by hash of token and request
}

const (
	guardKnows  = 1024             // cached answers
	guardTrusts = time.Minute      // lifetime of a cached answer
	guardWaits  = 10 * time.Second // timeout of a review
)

func newGuard(config *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	reviews, err := kubernetes.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("set up the client that checks who may read the metrics: %w", err)
	}
	g := &guard{reviews, cache.NewLRUExpireCache(guardKnows)}
	return func(log logr.Logger, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, err := g.status(r)
			if err != nil {
				log.Error(err, "cannot check whether the caller may read the metrics")
			}
			if status != http.StatusOK {
				http.Error(w, http.StatusText(status), status)
				return
			}
			next.ServeHTTP(w, r)
		}), nil
	}, nil
}

// status returns the HTTP status for a request. With an error it is never OK.
func (g *guard) status(r *http.Request) (int, error) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || token == "" {
		return http.StatusUnauthorized, nil
	}
	key := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + " " + token))
	if status, ok := g.known.Get(key); ok {
		return status.(int), nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), guardWaits)
	defer cancel()
	status, err := g.review(ctx, token, r)
	if err != nil {
		return http.StatusInternalServerError, err
	}
	g.known.Add(key, status, guardTrusts)
	return status, nil
}

// review asks the apiserver who sends the request, and whether that user may.
func (g *guard) review(ctx context.Context, token string, r *http.Request) (int, error) {
	who, err := g.reviews.AuthenticationV1().TokenReviews().Create(ctx,
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("review a token: %w", err)
	}
	if !who.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	user := who.Status.User
	extra := map[string]authorizationv1.ExtraValue{}
	for k, v := range user.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	may, err := g.reviews.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: r.URL.Path, Verb: strings.ToLower(r.Method)},
	}}, metav1.CreateOptions{})
	if err != nil {
		return 0, fmt.Errorf("review the access of %s: %w", user.Username, err)
	}
	if !may.Status.Allowed {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
