package webhook_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"syscall"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/webhook"
)

// allowOnly is a webhook that only allows.
var allowOnly = &crwebhook.Admission{Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return admission.Allowed("") })}

// BenchmarkServed measures one review through TLS and HTTP/1.1, as the apiserver
// speaks to a Service, with live reads from a server that only has answers ready. The
// CPU is that of all of them: compare it with the handler that only allows.
func BenchmarkServed(b *testing.B) {
	for _, s := range []struct {
		name, file string
		backup     *snapshotstest.Backup
		snapshot   func(hours int) *snapshotstest.Snapshot
	}{
		{"strimzi", strimziReview, strimziBackup(), hoursAgo},
		{"koperator", koperatorReview, snapshotstest.NewBackup("hourly", "kafka", "csi-snapshots").In("kafka-kop").Schedule("@hourly"),
			func(hours int) *snapshotstest.Snapshot {
				return koperatorSnapshot(now.Add(-time.Duration(hours) * time.Hour))
			}},
	} {
		q := quick{snapshots: map[string]*snapshotv1.VolumeSnapshot{}}
		var all []*snapshotv1.VolumeSnapshot
		for i := range 100 {
			vs := s.snapshot(i + 1).Obj()
			vs.UID, vs.ResourceVersion = "uid", fmt.Sprint(i+1)
			q.snapshots[vs.Name] = vs
			all = append(all, vs)
		}
		handler := webhook.NewHandler(webhook.Readers{
			Cached: q, Live: readyAnswers(b, all), Mapper: meta.NewDefaultRESTMapper(nil), Catalog: webhook.NewStaticCatalog(all...),
			Backups: webhook.NewStaticBackups(s.backup.Annotate(restore, "latest").Obj()),
		}, nil, func() time.Time { return betweenRuns })
		b.Run(s.name+"/allow only", served(allowOnly, s.file, 1))
		b.Run(s.name+"/snapback", served(handler.Admission(), s.file, 1))
		b.Run(s.name+"/snapback, 32 at a time", served(handler.Admission(), s.file, 32))
	}
}

// betweenRuns is when the newest run is half an hour old. At the time of the next one, more
// is read.
var betweenRuns = now.Add(-30 * time.Minute)

// served returns a benchmark of reviews that clients send to the handler, each over a
// connection of its own.
func served(handler http.Handler, file string, clients int) func(*testing.B) {
	return func(b *testing.B) {
		body, err := json.Marshal(recorded(b, file))
		if err != nil {
			b.Fatal(err)
		}
		server := httptest.NewTLSServer(handler)
		defer server.Close()
		client := server.Client()
		client.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
		ask := func() error {
			answer, err := client.Post(server.URL, "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer answer.Body.Close() //nolint:errcheck // nothing was written
			content, err := io.ReadAll(answer.Body)
			if err == nil && !bytes.Contains(content, []byte(`"allowed":true`)) {
				err = fmt.Errorf("answered %s", content)
			}
			return err
		}
		if err := ask(); err != nil { // connects
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		before := processorTime(b)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				for range (b.N + clients - 1 - i) / clients {
					if err := ask(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	}
}

// processorTime returns the time that this process had the CPU.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// readyAnswers returns a client of a server that has the metadata of these snapshots
// ready, and an empty list for all else.
func readyAnswers(b *testing.B, all []*snapshotv1.VolumeSnapshot) client.Reader {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	encoder := protobuf.NewSerializer(scheme, scheme)
	encode := func(o runtime.Object) []byte {
		content, err := runtime.Encode(encoder, o)
		if err != nil {
			b.Fatal(err)
		}
		return content
	}
	answers := map[string][]byte{}
	for _, vs := range all {
		o := metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}, ObjectMeta: vs.ObjectMeta}
		answers[vs.Name] = encode(&o)
	}
	none := encode(&corev1.PersistentVolumeClaimList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaimList"}})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[path.Base(r.URL.Path)]
		if !ok {
			answer = none
		}
		w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
		_, _ = w.Write(answer)
	}))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.StartTLS()
	b.Cleanup(server.Close)
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), meta.RESTScopeNamespace)
	live, err := client.New(&rest.Config{Host: server.URL, QPS: -1, BearerToken: "token", TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, client.Options{Scheme: api.NewScheme(), Mapper: mapper})
	if err != nil {
		b.Fatal(err)
	}
	return live
}
