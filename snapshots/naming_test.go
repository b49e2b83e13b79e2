package snapshots_test

import (
	"math/rand"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/snapback-dev/snapback/snapshots"
)

func TestName(t *testing.T) {
	budapest := time.FixedZone("CET", 3600)
	scheduled := time.Date(2026, time.March, 1, 1, 2, 3, 999, budapest)
	name := snapshots.Name("data-kafka-0", "hourly", scheduled)
	if form := regexp.MustCompile(`^data-kafka-0-20260301-000203-[0-9a-f]{5}$`); !form.MatchString(name) {
		t.Errorf("name %q, want the form %s", name, form)
	}
	if again := snapshots.Name("data-kafka-0", "hourly", scheduled.UTC()); again != name {
		t.Errorf("the same run makes %q and %q", name, again)
	}
	for what, other := range map[string]string{
		"another claim":  snapshots.Name("data-kafka-1", "hourly", scheduled),
		"another backup": snapshots.Name("data-kafka-0", "daily", scheduled),
		"another run":    snapshots.Name("data-kafka-0", "hourly", scheduled.Add(time.Second)),
	} {
		if other == name {
			t.Errorf("%s has the same name %q", what, name)
		}
	}
}

// longNames returns valid names of n characters that differ in a few places, with
// punctuation at all places where they could be cut.
func longNames(n int) []string {
	var names []string
	for _, pattern := range []string{"a", "ab", "a-", "a.", "a--"} {
		name := strings.TrimRight(strings.Repeat(pattern, n)[:n-1], "-.")
		name += strings.Repeat("z", n-len(name))
		names = append(names, name, name[:n-1]+"y", "0"+name[1:])
	}
	return names
}

// TestIsName checks names that people and other tools use.
func TestIsName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "before-upgrade", "data-kafka-0-20260221-190533", "velero-data-kafka-0-x7k2p", "data-kafka-0-20260221-190533-1a2b3-copy"} {
		if snapshots.IsName(name) {
			t.Errorf("IsName(%q)", name)
		}
	}
}

func TestNamesOfLongClaims(t *testing.T) {
	for n := 200; n <= validation.DNS1123SubdomainMaxLength; n++ {
		seen := map[string]string{}
		for _, pvc := range longNames(n) {
			if problems := validation.IsDNS1123Subdomain(pvc); len(problems) > 0 {
				t.Fatalf("the test makes no name: %q: %v", pvc, problems)
			}
			name := snapshots.Name(pvc, "hourly", now)
			if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
				t.Errorf("%q: %v", name, problems)
			}
			if !strings.Contains(name, "-20260301-120000-") {
				t.Errorf("%q lacks its time", name)
			}
			if other, ok := seen[name]; ok && other != pvc {
				t.Errorf("%q and %q have the name %q", pvc, other, name)
			}
			seen[name] = pvc
		}
	}
}

func TestLabelValue(t *testing.T) {
	for _, name := range []string{"", "kafka", "my-cluster.example.com", strings.Repeat("k", validation.LabelValueMaxLength)} {
		if got := snapshots.LabelValue(name); got != name {
			t.Errorf("LabelValue(%q) = %q, want it as it is", name, got)
		}
	}
	for n := validation.LabelValueMaxLength + 1; n <= validation.DNS1123SubdomainMaxLength; n++ {
		seen := map[string]string{}
		for _, name := range longNames(n) {
			value := snapshots.LabelValue(name)
			if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
				t.Errorf("LabelValue(%q) = %q: %v", name, value, problems)
			}
			if other, ok := seen[value]; ok && other != name {
				t.Errorf("%q and %q have the label value %q", name, other, value)
			}
			if !strings.HasPrefix(name, value[:40]) {
				t.Errorf("LabelValue(%q) = %q: nobody can tell what it is of", name, value)
			}
			seen[value] = name
		}
	}
}

func TestRunRoundTrip(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	zones := []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -9*3600-1800)}
	for range 1000 {
		scheduled := time.Unix(r.Int63n(1<<36), r.Int63n(1e9)).In(zones[r.Intn(len(zones))])
		run := snapshots.FormatRun(scheduled)
		if problems := validation.IsValidLabelValue(run); len(problems) > 0 {
			t.Fatalf("FormatRun(%s) = %q: %v", scheduled, run, problems)
		}
		got, err := snapshots.ParseRun(run)
		if err != nil || !got.Equal(scheduled.Truncate(time.Second)) {
			t.Fatalf("ParseRun(%q) = %s, %v; want %s", run, got, err, scheduled)
		}
	}
}

func TestParseRunRefuses(t *testing.T) {
	for _, run := range []string{"", "20260301", "20260301-1200", "20260301T120000", "2026-03-01-120000", "20261301-120000", "20260301-120000-abcde", "20260301-250000"} {
		if got, err := snapshots.ParseRun(run); err == nil {
			t.Errorf("ParseRun(%q) = %s, want an error", run, got)
		} else if !strings.Contains(err.Error(), `"`+run+`"`) {
			t.Errorf("ParseRun(%q): the error does not name it: %v", run, err)
		}
	}
}

// objectName returns the valid object name that is most like the bytes.
func objectName(data []byte) string {
	const alphabet = "abcxyz0189-."
	name := make([]byte, 0, len(data))
	for _, b := range data {
		c := alphabet[int(b)%len(alphabet)]
		afterSign := len(name) == 0 || name[len(name)-1] == '.' || name[len(name)-1] == '-'
		if (c == '.' || c == '-') && afterSign {
			c = 'a'
		}
		name = append(name, c)
	}
	if len(name) > validation.DNS1123SubdomainMaxLength {
		name = name[:validation.DNS1123SubdomainMaxLength]
	}
	return strings.TrimRight(string(name), "-.")
}

func FuzzName(f *testing.F) {
	for _, n := range []int{1, 62, 63, 64, 230, 231, 232, 253} {
		f.Add([]byte(strings.Repeat("a-", n)[:n]), []byte(strings.Repeat("a.", n)[:n]), "hourly", now.Unix())
	}
	f.Fuzz(func(t *testing.T, first, second []byte, backup string, at int64) {
		a, b := objectName(first), objectName(second)
		const beyond = 253402300800 // the year 10000
		scheduled := time.Unix(at%beyond, 0)
		if a == "" || b == "" || scheduled.UTC().Year() < 0 {
			t.Skip()
		}
		nameA, nameB := snapshots.Name(a, backup, scheduled), snapshots.Name(b, backup, scheduled)
		valueA, valueB := snapshots.LabelValue(a), snapshots.LabelValue(b)
		if problems := validation.IsDNS1123Subdomain(nameA); len(problems) > 0 {
			t.Errorf("Name(%q) = %q: %v", a, nameA, problems)
		}
		if !snapshots.IsName(nameA) {
			t.Errorf("Name(%q) = %q, which IsName does not know", a, nameA)
		}
		if problems := validation.IsValidLabelValue(valueA); len(problems) > 0 {
			t.Errorf("LabelValue(%q) = %q: %v", a, valueA, problems)
		}
		if (nameA == nameB) != (a == b) || (valueA == valueB) != (a == b) {
			t.Errorf("%q and %q have the names %q and %q, the label values %q and %q", a, b, nameA, nameB, valueA, valueB)
		}
	})
}
