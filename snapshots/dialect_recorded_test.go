package snapshots_test

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/snapshots"
)

// recorded is a document of testdata/pvcs: a claim and its volume. The first line
// of the document is the volume, as "# volume: {dialect: ..., cluster: ...,
// slot: ..., role: ...}" or "# volume: none". Strimzi's labels do not have the
// role: the claims of its controllers and combined nodes count as brokers'.
type recorded struct {
	file   string
	claim  *corev1.PersistentVolumeClaim
	volume recordedVolume
}

// recordedVolume is the volume of a document; without a dialect: no broker volume.
type recordedVolume struct {
	Dialect string         `json:"dialect"`
	Cluster string         `json:"cluster"`
	Slot    string         `json:"slot"`
	Role    snapshots.Role `json:"role"`
}

func (r recorded) String() string {
	return r.file + ", " + cmp.Or(r.claim.Name, r.claim.GenerateName)
}

// recordedClaims reads the documents of the files of testdata/pvcs that the
// pattern matches.
func recordedClaims(t testing.TB, pattern string) []recorded {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "pvcs", pattern))
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range bytes.Split(data, []byte("\n---\n"))[1:] { // the first is the heading
			r := recorded{file: filepath.Base(file), claim: &corev1.PersistentVolumeClaim{}}
			if err := yaml.UnmarshalStrict(document, r.claim); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			line, _, _ := strings.Cut(string(document), "\n")
			says, ok := strings.CutPrefix(line, "# volume: ")
			if !ok {
				t.Fatalf("%s: the first line does not say which volume it is", r)
			}
			if says != "none" {
				if err := yaml.UnmarshalStrict([]byte(says), &r.volume); err != nil {
					t.Fatalf("%s: %v", r, err)
				}
			}
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		t.Fatalf("no file of testdata/pvcs matches %s", pattern)
	}
	return all
}

func TestRecordedClaims(t *testing.T) {
	for _, r := range recordedClaims(t, "*") {
		v, ok := snapshots.Identify(r.claim.Namespace, r.claim, nil)
		if got := (recordedVolume{v.Dialect, v.Cluster, v.Slot, v.Role}); got != r.volume {
			t.Errorf("%s: got %+v, want %+v", r, got, r.volume)
		}
		if ok && v.Namespace != r.claim.Namespace {
			t.Errorf("%s: namespace %q, want %q", r, v.Namespace, r.claim.Namespace)
		}
	}
}

func TestEveryDialectHasARecordedClaim(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range recordedClaims(t, "*") {
		seen[r.volume.Dialect] = true
	}
	for _, d := range snapshots.Dialects() {
		if !seen[d.Name] {
			t.Errorf("no claim of dialect %s is in testdata/pvcs", d.Name)
		}
	}
}

// Each dialect is an entry of the webhook configuration: two that match would
// be two calls for one claim.
func TestRecordedClaimMatchesOneDialectAtMost(t *testing.T) {
	for _, r := range recordedClaims(t, "*") {
		var matching []string
		for _, d := range snapshots.Dialects() {
			if d.Matches(r.claim.Labels) {
				matching = append(matching, d.Name)
			}
		}
		want := r.volume.Dialect
		if len(matching) > 1 || want != "" && (len(matching) == 0 || matching[0] != want) {
			t.Errorf("%s matches %q, want %q alone", r, matching, want)
		}
	}
}

func TestRecordedVolumesHaveHashesOfTheirOwn(t *testing.T) {
	type identity struct{ namespace, cluster, slot string }
	byHash, byIdentity := map[string]identity{}, map[identity]string{}
	for _, r := range recordedClaims(t, "*") {
		v, ok := snapshots.Identify(r.claim.Namespace, r.claim, nil)
		if !ok {
			continue
		}
		id := identity{v.Namespace, v.Cluster, v.Slot}
		if other, seen := byHash[v.Hash()]; seen && other != id {
			t.Errorf("%v and %v share hash %s", id, other, v.Hash())
		}
		if other, seen := byIdentity[id]; seen && other != v.Hash() {
			t.Errorf("%v has hashes %s and %s", id, other, v.Hash())
		}
		byHash[v.Hash()], byIdentity[id] = id, v.Hash()
	}
}

// The webhook's cache keeps only these annotations.
func TestIdentifyingAnnotationsSuffice(t *testing.T) {
	for _, r := range recordedClaims(t, "*") {
		want, _ := snapshots.Identify("kafka", r.claim, nil)
		cached := r.claim.DeepCopy()
		cached.Annotations = snapshots.Identifying(cached.Annotations)
		if v, _ := snapshots.Identify("kafka", cached, nil); v.Key() != want.Key() {
			t.Errorf("%s: cached it is %s, want %s: an annotation is missing in the dialect's", r, v, want)
		}
	}
}

func TestRecordedKoperatorClaimNamesItsCluster(t *testing.T) {
	v, _ := snapshots.Identify("kafka-kop", recordedClaims(t, "recorded-koperator.yaml")[0].claim, nil)
	if want := "183ec68a-234f-4a25-a89b-ce813d971864"; v.ClusterUID != want {
		t.Errorf("cluster uid %q, want %q", v.ClusterUID, want)
	}
	// An owner that is a StatefulSet or a node pool is not the cluster.
	for _, file := range []string{"statefulset-plain.yaml", "strimzi-kraft-jbod-broker.yaml"} {
		v, _ := snapshots.Identify("kafka", recordedClaims(t, file)[2].claim, nil)
		if v.ClusterUID != "" {
			t.Errorf("%s: cluster uid %q, want none", file, v.ClusterUID)
		}
	}
}
