// Package kind installs Snapback into a kind cluster and checks there what the
// embedded cluster has no means for: brokers in pods, on mounted volumes, and
// what becomes of them while Snapback itself is killed, upgraded and removed. The
// brokers are Apache Kafka. Checks without records have claims and no brokers.
//
// "make e2e-kind" needs a Docker engine and kind, and leaves neither cluster nor
// image behind. KIND_IMAGE names another node image, KAFKA_IMAGE another image of
// Kafka, and KIND_FLAGS has flags of "go test" and this package: make e2e-kind KIND_FLAGS="-run '/rolling update' -keep"
package kind

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// asked is set by "make e2e-kind": without it the checks are skipped.
const asked = "SNAPBACK_E2E_KIND"

var keep = flag.Bool("keep", false, "leave the cluster, and take one that was left; its Snapback is that of before until something restarts it")

// checks are what Snapback must do, in this order: the last two remove it and
// install it again. Checks that name a shape have a Kafka cluster of it, which runs
// through all checks of that shape; the others have only what they create.
var checks = []struct {
	name  string
	kafka *shape
	run   func(context.Context, *world) error
}{
	{"helm test passes, and fails without a webhook", nil, checkHelmTest},
	{"a StatefulSet's broker comes back with its records", statefulSet, checkStatefulSet},
	{"a claim waits for Snapback and is restored", statefulSet, checkOutage},
	{"two of Koperator's brokers come back with their records", koperator, checkKoperator},
	{"a broker is asked through the apiserver", strimzi, checkForward},
	{"a broker that is lost comes back in sync", strimzi, checkLostBroker},
	{"all brokers that are lost come back in sync", strimzi, checkLostBrokers},
	{"a controller that is lost comes back when a person says so", strimzi, checkLostController},
	{"restore takes one broker back", strimzi, checkRestoreBrokers(1)},
	{"restore takes two brokers back, one after another", strimzi, checkRestoreBrokers(0, 2)},
	{"restore takes the whole cluster back", strimzi, checkRestoreAll},
	{"snapshots are torn and damaged as their class says", strimzi, checkContent},
	{"drills find good and torn snapshots sound", strimzi, checkDrills},
	{"a drill finds damage, and a lost broker gets an older snapshot", strimzi, checkDamagedLater},
	{"claims are restored as each level says", nil, checkOptIn},
	{"claims are restored while a replica is killed", nil, checkKilledReplica},
	{"claims are restored during a rolling update", nil, checkRollingUpdate},
	{"a run makes no snapshot twice when its leader is killed", nil, checkLeader},
	{"claims are restored during an upgrade", nil, checkUpgrade},
	{"the certificate becomes one of a Secret", nil, checkCertificate(toSecret)},
	{"the certificate becomes Snapback's own", nil, checkCertificate(toSelfSigned)},
	{"the certificate becomes cert-manager's", nil, checkCertificate(toCertManager)},
	{"an uninstall lets claims in and keeps what was made", nil, checkUninstall},
	{"installed again without cert-manager, it restores that", nil, checkInstallAgain},
}

const (
	checkTimeout   = 10 * time.Minute // of one check; half a minute is usual, with the start of Kafka two
	cleanupTimeout = 5 * time.Minute  // of what follows the last check
)

// checked reports whether any check has run.
var checked bool

func TestMain(m *testing.M) {
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	code := m.Run()
	if os.Getenv(asked) != "" && code == 0 && !checked {
		fmt.Fprintln(os.Stderr, "no check has run: -run '/PART OF ITS NAME' chooses some")
		code = 1
	}
	os.Exit(code)
}

func TestSnapback(t *testing.T) {
	if os.Getenv(asked) == "" {
		t.Skip("needs Docker, kind and minutes: run \"make e2e-kind\"")
	}
	ctx := whileTimeIsLeft(t)
	w := start(ctx, t)
	for _, c := range checks {
		passed := t.Run(c.name, func(t *testing.T) {
			checked = true
			w.logf = t.Logf
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			w.must(t, w.provide(ctx, c.kafka))
			w.must(t, c.run(ctx, w))
		})
		if !passed { // the next check gets a Kafka cluster that is whole
			if err := w.provide(ctx, nil); err != nil {
				t.Error(err)
			}
		}
		if ctx.Err() != nil {
			t.Fatal(context.Cause(ctx))
		}
	}
}

// whileTimeIsLeft returns a context that ends when the tests are interrupted,
// or are about to time out: there is time to delete the cluster then.
func whileTimeIsLeft(t *testing.T) context.Context {
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	t.Cleanup(stop)
	if deadline, limited := t.Deadline(); limited {
		ctx, stop = context.WithDeadline(ctx, deadline.Add(-cleanupTimeout))
		t.Cleanup(stop)
	}
	return ctx
}

// start returns a cluster with storage, cert-manager and Snapback. It is deleted
// when the test ends, and so are the images.
func start(ctx context.Context, t *testing.T) *world {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	k, err := newKind(ctx, t.TempDir(), *keep)
	must(err)
	t.Cleanup(func() {
		if *keep {
			t.Logf("the cluster stays: kind export kubeconfig --name %s", clusterName)
		} else if err := k.close(); err != nil {
			t.Error(err)
		}
	})
	t.Log("building the images")
	must(buildImages(ctx, t.TempDir()))
	t.Cleanup(func() {
		if err := removeImages(); err != nil {
			t.Error(err)
		}
	})
	t.Log("creating the cluster")
	must(k.create(ctx))
	w, err := newWorld(k)
	must(err)
	t.Log("installing storage, cert-manager and Snapback")
	w.must(t, w.setUp(ctx))
	return w
}
