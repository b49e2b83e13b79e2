package doctor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// now is when the tests look.
var now = time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)

// want checks that the first finding is of this state, says these words, and
// what to do where somebody must.
func want(t *testing.T, got []Finding, state State, text string) {
	t.Helper()
	if len(got) == 0 {
		t.Fatal("nothing was found")
	}
	f := got[0]
	if f.State != state || !strings.Contains(f.Subject+": "+f.Message, text) {
		t.Errorf("found %s %s: %s\nwant %s with %q", f.State, f.Subject, f.Message, state, text)
	}
	if needs := state == Problem || state == Warning; needs != (f.Do != "") {
		t.Errorf("%s %q: to do is %q", f.State, f.Message, f.Do)
	}
	if strings.ContainsAny(f.Message+f.Do, "\n") {
		t.Errorf("more than a line: %q", f.Message)
	}
}

func TestCannot(t *testing.T) {
	resource := schema.GroupResource{Resource: "secrets"}
	want(t, []Finding{cannot(fmt.Errorf("read: %w", apierrors.NewForbidden(resource, "x", errors.New("no"))))}, Skipped, `secrets "x" is forbidden`)
	want(t, []Finding{cannot(errors.New("the\nserver is ill"))}, Warning, "the server is ill")
}

func TestSeveral(t *testing.T) {
	if got := several([]string{"a", "b", "c", "d", "e", "f", "g"}); got != "a, b, c, d, e, and 2 more" {
		t.Error(got)
	}
}

func TestKubernetes(t *testing.T) {
	for served, state := range map[string]State{
		"v1.30.0": OK, "v1.37.2-eks-1234": OK, "v1.29.9": Problem, "v1.9.1+k3s1": Problem, "unknown": Skipped,
	} {
		want(t, []Finding{judgeKubernetes(served)}, state, "")
	}
}

func TestKinds(t *testing.T) {
	served := map[schema.GroupVersionKind]bool{}
	for _, kind := range kinds {
		served[kind] = true
	}
	want(t, judgeKinds(served), OK, "KafkaBackup")
	served[kinds[0]] = false
	want(t, judgeKinds(served), Problem, "KafkaBackup.snapback.dev/v1alpha1: this cluster does not know it")
}

func TestSchema(t *testing.T) {
	known := knownFields()
	want(t, []Finding{judgeSchema(known, known)}, OK, "")
	want(t, []Finding{judgeSchema(known, known[1:])}, Problem, "it lacks "+known[0])
	want(t, []Finding{judgeSchema(known[1:], known)}, Warning, "newer than this plugin, which does not know "+known[0])
	served, err := servedFields([]byte(`{"components":{"schemas":{
		"a":{"properties":{"spec":{"properties":{"schedule":{}}}},"x-kubernetes-group-version-kind":[{"group":"snapback.dev","version":"v1alpha1","kind":"KafkaBackup"}]},
		"b":{"properties":{"spec":{"properties":{"other":{}}}}}}}}`))
	if err != nil || len(served) != 1 || served[0] != "spec.schedule" {
		t.Errorf("read %q, %v", served, err)
	}
}

func TestClock(t *testing.T) {
	want(t, []Finding{judgeClock(0, false)}, Skipped, "")
	want(t, []Finding{judgeClock(-29*time.Second, true)}, OK, "")
	want(t, []Finding{judgeClock(-31*time.Second, true)}, Warning, "31s behind this machine's")
	want(t, []Finding{judgeClock(time.Hour, true)}, Warning, "1h0m0s ahead of this machine's")
	c := &clock{}
	c.see("garbage", now, now)
	c.see(now.Add(time.Minute).Format("Mon, 02 Jan 2006 15:04:05 GMT"), now, now.Add(time.Second))
	c.see(now.Add(time.Hour).Format("Mon, 02 Jan 2006 15:04:05 GMT"), now, now.Add(2*time.Second)) // a slower answer
	if ahead, known := c.offset(); !known || ahead != time.Minute {
		t.Errorf("ahead by %s, %t", ahead, known)
	}
}

func TestStorageClock(t *testing.T) {
	at := func(after ...time.Duration) (cuts []cut) {
		for _, d := range after {
			cuts = append(cuts, cut{"csi", now.Add(-time.Hour), now.Add(-time.Hour + d)})
		}
		return cuts
	}
	want(t, judgeStorageClock(nil, now), Skipped, "no snapshot")
	want(t, judgeStorageClock(at(time.Second, time.Minute), now), OK, "driver csi")
	want(t, judgeStorageClock(at(time.Second, -time.Minute), now), Warning, "1m0s behind")
	want(t, judgeStorageClock(at(time.Minute, 5*time.Minute), now), Warning, "slow, or its clock is ahead")
	want(t, judgeStorageClock(at(0, 2*time.Hour), now), Warning, "1h0m0s ahead of")
}
