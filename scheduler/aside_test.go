package scheduler

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// hanging is a client of which calls for some KafkaBackups hang.
type hanging struct {
	client.Client
	looks map[string]chan struct{}
}

func (h hanging) Get(ctx context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	if strings.HasPrefix(key.Name, "hangs") {
		<-ctx.Done()
		return ctx.Err()
	}
	close(h.looks[key.Name])
	return fmt.Errorf("looked at")
}

// TestHangingLooksHoldUpNone has many more KafkaBackups hang than there are workers.
func TestHangingLooksHoldUpNone(t *testing.T) {
	const many = 5 * workers
	synctest.Test(t, func(t *testing.T) {
		looked := make(chan struct{})
		r := &Reconciler{Client: hanging{looks: map[string]chan struct{}{"healthy": looked}}}
		queue := make(chan string, many+1)
		for i := range many {
			queue <- fmt.Sprint("hangs-", i)
		}
		queue <- "healthy"
		close(queue)
		for range workers {
			go func() {
				for name := range queue {
					_, _ = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: snapshotstest.Namespace, Name: name}})
				}
			}()
		}
		begun := time.Now()
		<-looked
		if took := time.Since(begun); took > (many/workers+1)*holdUp {
			t.Errorf("looked at after %s", took)
		}
		r.aside.all.Wait()
		if took := time.Since(begun); took > lookTimeout+many/workers*holdUp {
			t.Errorf("the last look ended after %s", took)
		}
	})
}

// TestOneLookAtATime has a KafkaBackup asked for again while its look goes on aside.
func TestOneLookAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a aside
		key := types.NamespacedName{Name: "hourly"}
		var looks atomic.Int32
		go1 := make(chan struct{})
		look := func() (reconcile.Result, error) {
			looks.Add(1)
			<-go1
			return reconcile.Result{RequeueAfter: time.Minute}, nil
		}
		for range 3 {
			if result, err := a.do(t.Context(), key, look); err != nil || result.RequeueAfter != holdUp || looks.Load() != 1 {
				t.Errorf("%v, %v, after %d looks", result, err, looks.Load())
			}
		}
		close(go1)
		a.all.Wait()
		time.Sleep(holdUp) // its rest
		if result, err := a.do(t.Context(), key, look); err != nil || result.RequeueAfter != time.Minute || looks.Load() != 2 {
			t.Errorf("%v, %v, after %d looks", result, err, looks.Load())
		}
		if _, err := a.do(t.Context(), key, func() (reconcile.Result, error) { panic("oh") }); err == nil || a.busy[key] {
			t.Errorf("a panic came back as %v", err)
		}
	})
}

// TestSlowLooksRest lets every look of a KafkaBackup take three seconds, as when the
// apiserver is slow, and does what the controller does. Without a rest, slow looks would be
// ten times as many as fast ones.
func TestSlowLooksRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a aside
		var looks atomic.Int32
		look := func() (reconcile.Result, error) {
			looks.Add(1)
			time.Sleep(3 * time.Second)
			return reconcile.Result{RequeueAfter: resync}, nil
		}
		for begun := time.Now(); time.Since(begun) < time.Minute; {
			result, err := a.do(t.Context(), types.NamespacedName{Name: "hourly"}, look)
			if err != nil || result.RequeueAfter <= 0 {
				t.Fatal(result, err)
			}
			time.Sleep(result.RequeueAfter)
		}
		if looks.Load() > 10 {
			t.Errorf("%d looks in a minute", looks.Load())
		}
		if a.all.Wait(); len(a.busy) > 0 {
			t.Errorf("still busy: %v", a.busy)
		}
	})
}
