package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/webhook"
)

// alone is a handler that one client asks through TLS, without the apiserver.
type alone struct {
	shape, name, path string
	cell
}

// handlers are asked in turns. The second shows what the live reads take.
var handlers = []alone{
	{name: allowOnly.name, path: "/allow"},
	{name: "snapback, live reads from memory", path: "/cached"},
	{name: ours.name, path: "/live"},
}

// handlerAlone measures the handlers with all snapshots that are there cached.
func (b *bench) handlerAlone(ctx context.Context, o options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := b.register(ctx); err != nil {
		return err
	}
	if o.cpuProfile != "" {
		file, err := os.Create(o.cpuProfile)
		if err != nil {
			return fmt.Errorf("open the CPU profile: %w", err)
		}
		defer file.Close() //nolint:errcheck // written by then
		if err := pprof.StartCPUProfile(file); err != nil {
			return fmt.Errorf("start the CPU profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	for _, s := range shapes {
		if err := b.askInTurns(ctx, s, o); err != nil {
			return err
		}
	}
	return nil
}

// register puts Snapback's handler on the local server, reading from a cache
// of this process, as the shipped one does from its own.
func (b *bench) register(ctx context.Context) error {
	config, err := b.cluster.SnapbackConfig()
	if err != nil {
		return err
	}
	options := webhook.CacheOptions()
	options.Scheme = api.NewScheme()
	cached, err := cache.New(config, options)
	if err != nil {
		return fmt.Errorf("make a cache: %w", err)
	}
	if err := webhook.Warm(ctx, cached); err != nil {
		return err
	}
	watcher, err := client.NewWithWatch(config, client.Options{Scheme: options.Scheme})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	catalog, backups := webhook.NewCatalog(watcher), webhook.NewBackups(watcher)
	live, err := cluster.NewClient(config)
	if err != nil {
		return err
	}
	start, empty := time.Now(), heap()
	go cached.Start(ctx)  //nolint:errcheck // it ends with the context
	go catalog.Start(ctx) //nolint:errcheck // it returns none
	go backups.Start(ctx) //nolint:errcheck // it returns none
	if !cached.WaitForCacheSync(ctx) {
		return fmt.Errorf("fill the cache: %w", ctx.Err())
	}
	err = wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(context.Context) (bool, error) {
		_, err := catalog.Known()
		return err == nil && backups.Known() == nil, nil
	})
	if err != nil {
		return fmt.Errorf("fill the catalog: %w", err)
	}
	progress("the handler's cache is filled in %s", time.Since(start).Round(time.Millisecond))
	b.known = max(b.filled, b.options.handlerSnapshots)
	for i := b.filled; i < b.known; i++ {
		if err := catalog.Add(b.snapshot(i).Obj()); err != nil {
			return fmt.Errorf("fill the catalog: %w", err)
		}
	}
	b.perSnapshot = float64(heap()-empty) / float64(b.known)
	for path, reader := range map[string]client.Reader{"/live": live, "/cached": cached} {
		handler := webhook.NewHandler(webhook.Readers{Cached: cached, Live: reader, Mapper: live.RESTMapper(), Catalog: catalog, Backups: backups}, nil, time.Now)
		b.local.Register(path, handler.Admission())
	}
	return nil
}

// heap is what is in use, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// askInTurns asks each handler, block after block.
func (b *bench) askInTurns(ctx context.Context, s shape, o options) error {
	const blocks = 20
	reviews, err := reviewsOf(s)
	if err != nil {
		return err
	}
	client := b.local.client()
	defer client.CloseIdleConnections()
	measured := make([]alone, len(handlers))
	for i := range blocks + 1 {
		for h, handler := range handlers {
			m := &measured[h]
			m.shape, m.name, m.path = s.name, handler.name, handler.path
			one, err := askBlock(ctx, client, b.local.url+m.path, reviews, max(o.handlerReviews/blocks, 1))
			if err != nil {
				return fmt.Errorf("handler %s: %w", m.name, err)
			}
			if i > 0 { // the first one warms up
				m.add(one)
			}
		}
	}
	b.alone = append(b.alone, measured...)
	return nil
}

func askBlock(ctx context.Context, client *http.Client, url string, reviews [][]byte, n int) (block, error) {
	var measured block
	start := time.Now()
	for i := range n {
		begin := time.Now()
		answer, err := ask(ctx, client, url, reviews[i%len(reviews)])
		if err != nil {
			return measured, err
		}
		measured.latencies = append(measured.latencies, time.Since(begin))
		patched := bytes.Contains(answer, []byte(`"patch"`))
		if allow := url[len(url)-len("/allow"):] == "/allow"; !bytes.Contains(answer, []byte(`"allowed":true`)) || patched == allow {
			return measured, fmt.Errorf("answered %s", answer)
		}
	}
	measured.took = time.Since(start)
	return measured, nil
}

func ask(ctx context.Context, client *http.Client, url string, review []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(review))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	return answer, nil
}

// reviewsOf are AdmissionReviews of a claim of each volume.
func reviewsOf(s shape) ([][]byte, error) {
	var reviews [][]byte
	for node := range volumes / len(shapes) {
		pvc := s.claim(node).In(ours.namespace).Class(className).Obj()
		pvc.APIVersion, pvc.Kind = "v1", "PersistentVolumeClaim"
		raw, err := json.Marshal(pvc)
		if err != nil {
			return nil, fmt.Errorf("encode a claim: %w", err)
		}
		review, err := json.Marshal(&admissionv1.AdmissionReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
			Request: &admissionv1.AdmissionRequest{
				UID: "bench", Kind: metav1.GroupVersionKind{Version: "v1", Kind: "PersistentVolumeClaim"},
				Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"},
				Namespace: pvc.Namespace, Name: pvc.Name, Operation: admissionv1.Create,
				Object: k8sruntime.RawExtension{Raw: raw},
			},
		})
		if err != nil {
			return nil, fmt.Errorf("encode a review: %w", err)
		}
		reviews = append(reviews, review)
	}
	return reviews, nil
}
