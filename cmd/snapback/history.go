package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/snapback-dev/snapback/api/history"
)

// flushTimeout is how long the end of a process may wait for the history. The webhook's
// preStop, its --drain, an answer, the last spans and this are less than
// terminationGracePeriodSeconds.
const flushTimeout = 5 * time.Second

var historyLog = log.Log.WithName("history-writer")

var historyLost = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "snapback_history_lost_total",
	Help: "Entries of the history that no ConfigMap has; the log has them.",
})

func init() { metrics.Registry.MustRegister(historyLost) }

// historyFlags are the flags of who records a history.
type historyFlags struct{ configMaps bool }

func (f *historyFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.configMaps, "history-configmaps", true, "keep the last decisions about each Kafka cluster in a ConfigMap; the log has all in any case")
}

// newHistory returns a recorder for a component, which the manager runs. When the
// manager has stopped, flush writes what is left.
func (f historyFlags) newHistory(m manager.Manager, component string) (r *history.Recorder, flush func(), err error) {
	out := newStream(os.Stdout, maxStall)
	r = &history.Recorder{Component: component, Out: out, Now: clock.Now, Lost: func(n int) { historyLost.Add(float64(n)) }}
	if !f.configMaps {
		return r, out.flush, nil
	}
	r.Client, r.Reader = m.GetClient(), m.GetAPIReader()
	if err := m.Add(r); err != nil {
		return nil, nil, fmt.Errorf("add the runnable that writes the history: %w", err)
	}
	return r, func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		if left := r.Flush(ctx); left > 0 {
			historyLog.Info("the last entries could not be written: only the log has them", "entries", left)
		}
		out.flush()
	}, nil
}
