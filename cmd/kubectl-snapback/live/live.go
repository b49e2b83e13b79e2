// Package live keeps an inventory up to date. Each kind of object is listed once, and
// watched from then on, so that a page which is open for days costs the apiserver no
// more than what changes.
package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

const (
	// between is how long an inventory is good at least: many objects change at once.
	between = time.Second

	// share is how many times as long as an inventory took to make it is good at least,
	// so that a large cluster in which something always changes takes no whole processor.
	share = 5
)

// Live is an inventory that is up to date.
type Live struct {
	feeds  []*feed
	reader *reader
	dirty  chan struct{} // holds one element if something has changed since the inventory was made
	ended  sync.WaitGroup
	clock  *clock

	mu        sync.Mutex
	version   uint64
	inventory *inventory.Inventory
	err       error         // why there is no inventory, or no newer one
	failed    time.Time     // since when
	next      chan struct{} // closed at the next version
}

// ErrReading is the error of an inventory while the objects are being read.
var ErrReading = errors.New("the objects of the cluster are still being read")

// Start begins to read a namespace, or all if it is empty, and keeps what it reads up
// to date until the context ends. It does not wait.
func Start(ctx context.Context, config *rest.Config, namespace string) (*Live, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // the apiserver has a limit of its own
	seen := &clock{now: time.Now}
	config.Wrap(seen.wrap)
	c, err := client.NewWithWatch(config, client.Options{Scheme: api.NewScheme()})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return start(ctx, c, namespace, seen), nil
}

func start(ctx context.Context, c client.WithWatch, namespace string, seen *clock) *Live {
	l := &Live{clock: seen, dirty: make(chan struct{}, 1), next: make(chan struct{}), err: ErrReading}
	ctx = logr.NewContext(ctx, logr.Discard()) // what is wrong is said by Stale
	l.feeds = feeds(c, namespace, l.changed)
	l.reader = newReader(c, l.feeds)
	for _, f := range l.feeds {
		l.ended.Go(func() { f.run(ctx) })
	}
	l.ended.Go(func() { l.assemble(ctx, namespace) })
	return l
}

func (l *Live) changed() {
	select {
	case l.dirty <- struct{}{}:
	default: // it holds one already
	}
}

// assemble makes the inventory anew after changes. What cannot be watched is read again
// once a minute, and so is all if it failed.
func (l *Live) assemble(ctx context.Context, namespace string) {
	expired := time.NewTicker(kept)
	defer expired.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-expired.C:
			if !l.reader.forget() && !l.failing() {
				continue
			}
		case <-l.dirty:
		}
		if !l.answered() {
			continue
		}
		began := time.Now()
		i, err := inventory.Load(ctx, l.reader, namespace)
		if ctx.Err() != nil {
			return
		}
		l.publish(i, err)
		pause := time.NewTimer(max(between, share*time.Since(began)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// failing reports whether there is no inventory, or no newer one, for another reason than
// that the objects are being read. What it could not read is no change, when it can be.
func (l *Live) failing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// answered reports whether the apiserver has answered about each kind, if only that it
// may not be read.
func (l *Live) answered() bool {
	for _, f := range l.feeds {
		if !f.answered() {
			return false
		}
	}
	return true
}

func (l *Live) publish(i *inventory.Inventory, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.inventory = i
	} else if l.err == nil {
		l.failed = time.Now()
	}
	l.err = err
	l.version++
	close(l.next)
	l.next = make(chan struct{})
}

// Inventory returns the newest inventory that could be made, which callers do not
// change. It is an error if there is none.
func (l *Live) Inventory() (*inventory.Inventory, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inventory == nil {
		return nil, l.err
	}
	return l.inventory, nil
}

// Version returns the number of the inventory, which grows with each change; 0: there
// is none yet.
func (l *Live) Version() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.version
}

// Wait returns the version once it is greater than the given one.
func (l *Live) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		l.mu.Lock()
		version, next := l.version, l.next
		l.mu.Unlock()
		if version > after {
			return version, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return version, fmt.Errorf("wait for a change: %w", context.Cause(ctx))
		}
	}
}

// Clock returns, in words, how far this machine's clock and the apiserver's are apart;
// empty: not by much.
func (l *Live) Clock() string { return l.clock.said() }

// Stale returns, in words, which kinds are not up to date, since when and why. None: all
// that is shown is what the apiserver has.
func (l *Live) Stale(now time.Time) []string {
	var all []string
	for _, f := range l.feeds {
		if why := f.stale(now); why != "" {
			all = append(all, why)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inventory != nil && l.err != nil {
		all = append(all, fmt.Sprintf("all of this is what it was %s: %s", inventory.Ago(l.failed, now), oneLine(l.err)))
	}
	return all
}
