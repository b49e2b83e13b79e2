package plan

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestSeed draws the same steps of the same seed, and others of another.
func TestSeed(t *testing.T) {
	kinds := []Kind{{Name: "a", Weight: 1, Draw: AnyVolume, Longest: time.Minute}, {Name: "b", Weight: 10, Draw: AnyCluster, Longest: time.Second}}
	printed := func(seed uint64) string {
		var b bytes.Buffer
		Print(&b, Make(seed, 10*time.Minute, Standard(), kinds, kinds))
		return b.String()
	}
	first, again, other := printed(1), printed(1), printed(2)
	if first != again || first == other {
		t.Error("a seed does not mean a plan")
	}
	steps := Make(1, 10*time.Minute, Standard(), kinds, kinds)
	if n := len(steps); n < 150 || n > 450 {
		t.Errorf("%d steps in ten minutes", n)
	}
	if !slices.IsSortedFunc(steps, func(a, b Step) int { return int(a.At - b.At) }) {
		t.Error("steps are not in the order of their times")
	}
	for _, s := range steps {
		if s.Fault && (s.At%(storm+calm) >= storm || s.For < shortFault) {
			t.Errorf("%v", s)
		}
	}
}

// TestLayout finds each volume by its claim, and no other one.
func TestLayout(t *testing.T) {
	l := Standard()
	keys := map[string]bool{}
	for _, c := range l.Clusters {
		for _, v := range c.Volumes {
			if keys[v.Key] {
				t.Errorf("there are two volumes %s", v.Key)
			}
			keys[v.Key] = true
			name := v.Claim
			if c.Shape == Koperator {
				name += "x7f2k"
			}
			if found, ok := l.VolumeOf(v.Namespace, name); !ok || found != v {
				t.Errorf("claim %s is of %+v", name, found)
			}
		}
		for _, node := range c.Nodes() {
			for _, v := range c.Node(node) {
				if v.Pool != c.Node(node)[0].Pool {
					t.Errorf("node %d of %s is in two pools", node, c.Namespace)
				}
			}
		}
	}
	combined, _ := l.Cluster("combined")
	strimzi, _ := l.Cluster("strimzi")
	if len(combined.Brokers()) != 6 || len(combined.Node(0)) != 2 || len(strimzi.Brokers()) != 3 || len(strimzi.Pools()) != 2 {
		t.Error("nodes do not have their disks")
	}
}

// TestArgs draws numbers and times.
func TestArgs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		args := AnyNode(r, Standard()).Long(r, 5*time.Second)
		long, err := time.ParseDuration(args["for"])
		if c, ok := Standard().Cluster(args["cluster"]); err != nil || long < time.Second || long > 5*time.Second || !ok || len(c.Node(args.Number("node"))) == 0 {
			t.Fatal(args, err)
		}
	}
}

// TestWithoutApache leaves out what is aimed at Apache Kafka, and nothing else.
func TestWithoutApache(t *testing.T) {
	steps := []Step{{Args: Args{"volume": "apache/data-0-kafka-broker-1"}}, {Args: Args{"volume": "strimzi/data-0-kafka-broker-1"}},
		{Args: Args{"cluster": "apache", "node": "1"}}, {Args: Args{"cluster": "koperator"}}, {Args: Args{"program": "etcd"}}}
	l, left := Standard().WithoutApache(steps)
	if _, ok := l.Apache(); ok || len(l.Clusters) != len(Standard().Clusters)-1 || len(left) != 3 || len(steps) != 5 {
		t.Error(l, left)
	}
	if c, ok := Standard().Apache(); !ok || len(c.Brokers()) != 3 || len(c.Nodes()) != 3 {
		t.Error(c)
	}
}
