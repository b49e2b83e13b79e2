package main

import (
	"strings"
	"testing"
)

func TestChosen(t *testing.T) {
	for list, want := range map[string]string{
		"":                  "admission bad-night process backups run",
		"run,admission":     "admission run",
		"webhook,scheduler": "admission run", // what they were called
		"backups,backups":   "backups",
	} {
		chosen, err := chosen(list)
		var names []string
		for _, p := range chosen {
			names = append(names, p.name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("-only=%s: %s, %v; expected %s", list, got, err, want)
		}
	}
	for _, list := range []string{"nothing", "run,", "run admission"} {
		_, err := chosen(list)
		if err == nil {
			t.Fatalf("-only=%s: an error expected", list)
		}
		for _, p := range parts {
			if !strings.Contains(err.Error(), p.name) {
				t.Errorf("-only=%s: the error names no part %s: %v", list, p.name, err)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	if _, err := parse(nil); err != nil {
		t.Error(err)
	}
	for _, flag := range []string{"-rounds=0", "-nights=-1", "-backups=0", "-counts=0"} {
		if _, err := parse([]string{flag}); err == nil || !strings.Contains(err.Error(), flag[:strings.Index(flag, "=")]) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
