package main

import (
	"strings"
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	for name, test := range map[string]struct {
		free    float64
		fitting string
		leftOut int
	}{
		"all":           {71, "1,4,16", 0},
		"just enough":   {4*4*1.01 + 6, "1,4", 1},
		"not for 4":     {22, "1", 2},
		"the disk full": {5, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			fitting, leftOut := fit(sizes{1, 4, 16}, 1, test.free, 6)
			if fitting.String() != test.fitting || len(leftOut) != test.leftOut {
				t.Errorf("fitting: %q, left out: %q", fitting.String(), leftOut)
			}
		})
	}
	_, leftOut := fit(sizes{16}, 1, 27, 6)
	if got := strings.Join(leftOut, ""); !strings.Contains(got, "16 GB needs 64.6 GB") || !strings.Contains(got, "27.0 GB are free") {
		t.Errorf("it should say why: %q", got)
	}
}

func TestFlags(t *testing.T) {
	var s sizes
	if err := s.Set("0.1, 4"); err != nil || s.String() != "0.1,4" {
		t.Errorf("%v, %v", s, err)
	}
	for _, bad := range []string{"", "x", "0", "-1", "NaN", "1,,2"} {
		if s.Set(bad) == nil {
			t.Errorf("sizes %q should be refused", bad)
		}
	}
	c := config{}
	if err := c.Set("num.replica.fetchers=4, a=b=c"); err != nil || c.also() != "; a=b=c,num.replica.fetchers=4" {
		t.Errorf("%v, %v", c, err)
	}
	for _, bad := range []string{"", "a", "=b"} {
		if c.Set(bad) == nil {
			t.Errorf("config %q should be refused", bad)
		}
	}
	if (config{}).also() != "" {
		t.Error("nothing is set: nothing is said")
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	printTable(&b, []result{{size: 0.5, way: "restored", load: 2.5, bound: 1500 * time.Millisecond, started: 4 * time.Second, loaded: time.Second,
		recovered: 8, inSync: 500 * time.Millisecond, fetched: 10_200_000, records: 1000}})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if got := strings.Join(strings.Fields(lines[1]), " "); len(lines) != 2 || got != "0.5 restored 2.5 1.5 4.0 1.0 8 0.5 6.0 10.2 1000" {
		t.Errorf("%q", b.String())
	}
}

func TestStartOf(t *testing.T) {
	log := "INFO [LogLoader partition=t-0] Recovering unflushed segment 0. 0/1 recovered for t-0. (x)\n" +
		"INFO [LogLoader partition=t-1] Recovering unflushed segment 512. 0/1 recovered for t-1. (x)\n" +
		"INFO Loaded 2 logs in 1234ms (y)\n"
	if loaded, segments := startOf(log); loaded != 1234*time.Millisecond || segments != 2 {
		t.Errorf("%s, %d segments", loaded, segments)
	}
	if loaded, segments := startOf("INFO started\n"); loaded != 0 || segments != 0 {
		t.Errorf("of another log: %s, %d segments", loaded, segments)
	}
}

func TestRecoveryPoints(t *testing.T) {
	points, err := recoveryPoints("0\n3\nt 0 100\nother 0 7\nt 1 0\n", "t")
	if err != nil || len(points) != 2 || points[0] != 100 || points[1] != 0 {
		t.Errorf("%v, %v", points, err)
	}
	if _, err := recoveryPoints("0\n1\nt 0 x\n", "t"); err == nil {
		t.Error("x is no offset")
	}
}
