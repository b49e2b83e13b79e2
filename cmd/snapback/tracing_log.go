package main

import (
	"cmp"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/snapback-dev/snapback/scheduler/texts"
)

// complaints logs what goes wrong with sending spans, once a minute: a collector that is
// away must not fill the log.
type complaints struct {
	logger logr.Logger

	mu   sync.Mutex
	last time.Time
}

// maxComplaint is how much of a collector's answer is logged: it may be a page of HTML.
const maxComplaint = 500

// Handle implements [otel.ErrorHandler].
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.last) >= time.Minute {
		c.last = now
		c.logger.Info("spans are lost: the collector does not take them", "error", texts.FirstBytes(withoutHeaders(err.Error()), maxComplaint))
	}
}

// withoutHeaders returns a text without the values of the headers that are sent along, which
// are often a token: a collector may quote them in its answer.
func withoutHeaders(text string) string {
	headers := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), os.Getenv("OTEL_EXPORTER_OTLP_HEADERS"))
	for header := range strings.SplitSeq(headers, ",") {
		_, value, _ := strings.Cut(header, "=")
		plain, err := url.PathUnescape(value)
		if err != nil || strings.TrimSpace(plain) == "" {
			continue
		}
		text = strings.ReplaceAll(text, strings.TrimSpace(plain), "…")
		if _, token, ok := strings.Cut(strings.TrimSpace(plain), " "); ok && token != "" { // Bearer, Basic
			text = strings.ReplaceAll(text, token, "…")
		}
	}
	return text
}

// settings logs what OpenTelemetry finds wrong with its settings, without their values: it
// quotes a header without a "=", which is a token that somebody has put there alone, and
// URLs with their passwords.
type settings struct{ logger logr.Logger }

var _ logr.LogSink = settings{}

// Init implements [logr.LogSink].
func (settings) Init(logr.RuntimeInfo) {}

// Enabled implements [logr.LogSink]: only errors are of use.
func (settings) Enabled(int) bool { return false }

// Info implements [logr.LogSink].
func (settings) Info(int, string, ...any) {}

// Error implements [logr.LogSink].
func (s settings) Error(err error, what string, _ ...any) {
	var inURL *url.Error
	var escape url.EscapeError
	if errors.As(err, &inURL) || errors.As(err, &escape) { // these quote what they were given
		err = errors.New("it is malformed")
	}
	s.logger.Error(err, "a setting of OpenTelemetry is ignored: look at the OTEL_ variables of this container", "setting", what)
}

// WithValues implements [logr.LogSink].
func (s settings) WithValues(...any) logr.LogSink { return s }

// WithName implements [logr.LogSink].
func (s settings) WithName(string) logr.LogSink { return s }
