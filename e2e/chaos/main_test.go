package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
)

// TestPlan draws the same of the same seed, with all operations and faults that there
// are, and aims at what is there.
func TestPlan(t *testing.T) {
	var o options
	layout := plan.Standard()
	printed := func() string {
		var b bytes.Buffer
		plan.Print(&b, plan.Make(7, time.Hour, layout, kinds(o, true), kinds(o, false)))
		return b.String()
	}
	first := printed()
	if again := printed(); again != first {
		t.Error("seed 7 does not mean the same twice")
	}
	for _, k := range append(kinds(o, true), kinds(o, false)...) {
		if !strings.Contains(first, " "+k.Name+" ") {
			t.Errorf("an hour has no %s", k.Name)
		}
	}
	for _, s := range plan.Make(7, time.Hour, layout, kinds(o, true), kinds(o, false)) {
		if key := s.Args["volume"]; key != "" {
			if _, ok := layout.Volume(key); !ok {
				t.Errorf("%s aims at no volume of the layout", s)
			}
		}
	}
}

// TestOptions repeats a run by the command that it prints.
func TestOptions(t *testing.T) {
	o := options{seed: 7, duration: time.Minute, within: 2 * time.Minute, only: "kill", snapback: "/tmp/earlier"}
	want := `make chaos SEED=7 DURATION=1m0s CHAOS_FLAGS="-within=2m0s -only=kill -snapback=/tmp/earlier -apache=false"`
	if got := o.String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestFindKafka leaves Apache Kafka out where there is no Java, and where nobody wants it.
func TestFindKafka(t *testing.T) {
	t.Setenv("JAVA_HOME", t.TempDir())
	for _, o := range []options{{apache: true}, {apache: false}} {
		if install := o.findKafka(t.Context()); install != nil || o.apache {
			t.Error(install, o.apache)
		}
	}
	o := options{apache: true, planOnly: true}
	if o.findKafka(t.Context()); !o.apache {
		t.Error("a plan has all steps, whatever is installed")
	}
}
