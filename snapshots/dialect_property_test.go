package snapshots_test

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// Names whose parts could be confused if they were only joined.
var (
	someNamespaces = []string{"a", "a-b", "kafka"}
	someClusters   = []string{"a", "a-b", "b-a", "b", "kafka", "1"}
	somePools      = []string{"b", "b-c", "c", "0"}
	someMountPaths = []string{"/a", "/a/b", "/a:1", "1:/a", "/a\nb", "/a ", "/" + strings.Repeat("x", 300)}
)

// generated is a claim, and which volume it truly is.
type generated struct {
	truth string
	claim *snapshotstest.Claim
}

func pickOne(r *rand.Rand, of []string) string { return of[r.Intn(len(of))] }

// generateClaim makes a claim of any dialect, as its operator would.
func generateClaim(r *rand.Rand) generated {
	namespace, cluster := pickOne(r, someNamespaces), pickOne(r, someClusters)
	broker, disk := r.Intn(12), r.Intn(3)
	var claim *snapshotstest.Claim
	switch r.Intn(4) {
	case 0:
		path := pickOne(r, someMountPaths)
		claim = snapshotstest.KoperatorClaim(cluster, broker, path).
			Named(fmt.Sprintf("%s-%d-storage-%d-%05x", cluster, broker, disk, r.Intn(1<<20)))
		return generated{fmt.Sprintf("koperator %q %q %d %q", namespace, cluster, broker, path), claim.In(namespace)}
	case 1:
		claim = snapshotstest.StrimziClaim(cluster, pickOne(r, somePools), broker, disk)
	case 2:
		claim = snapshotstest.StatefulSetClaim(cluster, broker)
		cluster = "kafka" // the value of its label
	default:
		claim = recommendedClaim(fmt.Sprintf("data-%d-%s-broker-%d", disk, cluster, broker)).
			Label("app.kubernetes.io/instance", cluster)
	}
	return generated{fmt.Sprintf("named %q %q %q", namespace, cluster, claim.Obj().Name), claim.In(namespace)}
}

// A claim is identified only by facts that its operator keeps stable: in many
// clusters, two claims share a key and a hash if, and only if, they are of one
// volume.
func TestVolumesNeverShareAKey(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	byTruth, byKey, byHash := map[string]snapshots.Volume{}, map[string]string{}, map[string]string{}
	for range 20000 {
		g := generateClaim(r)
		v := identify(t, g.claim)
		if first, seen := byTruth[g.truth]; seen && first.Hash() != v.Hash() {
			t.Fatalf("%s: hash %s, was %s", g.truth, v.Hash(), first.Hash())
		}
		byTruth[g.truth] = v
		for _, seen := range []struct {
			name   string
			value  string
			truths map[string]string
		}{{"key", v.Key(), byKey}, {"hash", v.Hash(), byHash}} {
			if other, ok := seen.truths[seen.value]; ok && other != g.truth {
				t.Fatalf("%s and %s share the %s %q", g.truth, other, seen.name, seen.value)
			}
			seen.truths[seen.value] = g.truth
		}
		if problems := validation.IsValidLabelValue(v.Hash()); len(problems) > 0 || len(v.Hash()) != 32 {
			t.Fatalf("hash %q is no label value of 32 characters: %v", v.Hash(), problems)
		}
	}
	if len(byTruth) < 1000 {
		t.Errorf("only %d volumes were generated", len(byTruth))
	}
}
