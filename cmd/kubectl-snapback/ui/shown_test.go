package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const bad = `<script>alert(1)</script>`

// many is the inventory of many volumes, each with a snapshot of many hourly runs, and
// one restore; texts that tenants write are HTML.
func many(t testing.TB, volumes, runs int) *inventory.Inventory {
	t.Helper()
	backup := snapshotstest.NewBackup("hourly", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest").Annotate(v1alpha1.AnnotationFreeze, bad)
	var claims []corev1.PersistentVolumeClaim
	var taken []snapshotv1.VolumeSnapshot
	for n := range volumes {
		c := snapshotstest.StatefulSetClaim("kafka", n)
		pvc := c.Obj()
		pvc.Status.Phase, pvc.UID = corev1.ClaimBound, "uid"
		if n > 0 || volumes == 1 {
			claims = append(claims, *pvc)
		}
		for r := range runs {
			s := snapshotstest.NewSnapshot(c, backup, "driver", now.Truncate(time.Hour).Add(-time.Duration(r)*time.Hour)).Ready()
			if n < 2 && r == 1 {
				s = s.Annotate(v1alpha1.AnnotationHold, bad).Lineage(bad, n == 0)
			}
			taken = append(taken, *s.Obj())
		}
	}
	kb := backup.Obj()
	kb.Status.Restores = []v1alpha1.RestoreStatus{{PersistentVolumeClaim: "data-kafka-1", VolumeSnapshot: "s", RequestedTime: metav1.Time{Time: now},
		Kafka: &v1alpha1.RestoreReport{Message: bad, GroupsBeyondEnd: []v1alpha1.GroupBeyondEnd{{Group: bad, Topic: "t"}}, LostPartitions: []v1alpha1.LostPartition{{Topic: bad, To: 4}}}}}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{List: snapshotstest.Listed(claims, taken)}).
		WithObjects(kb, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}).Build()
	i, err := inventory.Load(context.Background(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// looked returns what answers to a person who looks at an inventory.
func looked(t testing.TB, i *inventory.Inventory) func(path string) *httptest.ResponseRecorder {
	t.Helper()
	create := func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
		if review, ok := o.(*authorizationv1.SelfSubjectAccessReview); ok {
			review.Status.Allowed = true
		}
		return nil
	}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{Create: create}).Build()
	s, err := newServer(Config{Live: &source{inventory: i, version: 1, next: make(chan struct{})}, Client: c, Namespace: snapshotstest.Namespace, Where: "a test",
		Message: func(err error) string { return err.Error() }, Now: func() time.Time { return now }}, testPort)
	if err != nil {
		t.Fatal(err)
	}
	in := httptest.NewRecorder()
	s.handler.ServeHTTP(in, httptest.NewRequest(http.MethodGet, s.URL(), nil))
	return func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, testOrigin+path, nil)
		r.AddCookie(in.Result().Cookies()[0])
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w
	}
}

var heading = regexp.MustCompile(`<h([1-6])`)

// TestShown renders each page of a full inventory: nothing that a tenant writes is
// HTML, and headings are in order.
func TestShown(t *testing.T) {
	t.Parallel()
	look := looked(t, many(t, 3, 3))
	for path, want := range map[string][]string{
		"/clusters/kafka/kafka":           {"Kafka cluster kafka/kafka", "the page of its claim asks the webhook", "ClaimLost", `<td class="ready next"><b role="img" aria-label="ready, would be restored`, "kubectl snapback status kafka -n kafka", "frozen: &lt;script"},
		"/clusters/kafka/kafka?q=held":    {"others are not shown"},
		"/claims/kafka/data-kafka-1":      {"If it were lost", "held: &lt;script", "it is the one to restore from", "kubectl snapback restore kafka -n kafka --broker kafka-1 --dry-run"},
		"/claims/kafka/data-kafka-0":      {"It is gone. Created again as it was", "The webhook was not asked"},
		"/restores":                       {"under way", "What to mend", "kubectl snapback after kafka -n kafka"},
		"/restores?cluster=kafka%2fkafka": {"Restores of kafka/kafka"},
		"/backups":                        {"Missed runs", "@every 1h, counted from its creation", "frozen: &lt;script"},
	} {
		answer := look(path)
		text := answer.Body.String()
		if answer.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, answer.Code, text)
		}
		for _, word := range want {
			if !strings.Contains(text, word) {
				t.Errorf("%s: there is no %q in %s", path, word, text)
			}
		}
		if strings.Contains(text, "<script>alert") || strings.Contains(text, "ZgotmplZ") {
			t.Errorf("%s: not escaped", path)
		}
		before := "0"
		for _, h := range heading.FindAllStringSubmatch(text, -1) {
			if h[1] > before && h[1][0]-before[0] > 1 || h[1] == "1" && before != "0" {
				t.Errorf("%s: heading %s after %s", path, h[1], before)
			}
			before = h[1]
		}
	}
	for _, path := range []string{"/clusters/kafka/none", "/clusters/other/kafka", "/claims/kafka/none", "/claims/other/data-kafka-1", "/restores?cluster=none"} {
		if answer := look(path); answer.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, answer.Code)
		}
	}
}

// maxPage is the size of a page that a browser shows at once.
const maxPage = 400_000

// TestLargeClusterIsOnePage has a thousand volumes with fifty runs.
func TestLargeClusterIsOnePage(t *testing.T) {
	t.Parallel()
	answer := looked(t, many(t, 1000, 50))("/clusters/kafka/kafka")
	if size := answer.Body.Len(); answer.Code != http.StatusOK || size > maxPage {
		t.Errorf("status %d, %d bytes", answer.Code, size)
	}
	if !strings.Contains(answer.Body.String(), fmt.Sprintf("1 to %d of %d volumes", 100, 1000)) {
		t.Error("it does not say how many volumes there are")
	}
}

func BenchmarkClusterPage(b *testing.B) {
	look := looked(b, many(b, 1000, 50))
	for b.Loop() {
		look("/clusters/kafka/kafka")
	}
}
