package data

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestRead reads what brokers have written, and what they have not.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	if c, err := Read(dir); err != nil || c.Lines != 0 {
		t.Errorf("of an empty volume: %+v, %v", c, err)
	}
	at := time.Unix(100, 5).UTC()
	for n, claim := range []string{"one", "one", "two"} {
		if err := Append(dir, Line{Volume: "ns/disk", Lineage: "one", Claim: claim, Number: int64(n + 1), Time: at}, n == 0); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Read(dir)
	if err != nil || c.Lines != 3 || c.Last != 3 || !c.LastTime.Equal(at) || !slices.Equal(c.Claims, []string{"one", "two"}) || c.Spoiled != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := Append(dir, Line{Volume: "ns/disk", Lineage: "one", Claim: "two", Number: 9, Time: at}, false); err != nil {
		t.Fatal(err)
	}
	if c, err = Read(dir); err != nil || c.Spoiled == "" {
		t.Errorf("after a gap: %+v, %v", c, err)
	}
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = Read(dir); err != nil || c.Spoiled == "" {
		t.Errorf("of something else: %+v, %v", c, err)
	}
	if Append(filepath.Join(dir, "gone"), Line{}, false) == nil {
		t.Error("a volume that is gone was written to")
	}
}

// TestTorn reads a log that ends in the middle of a write, and goes on with it.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, fileName)
	line := Line{Volume: "ns/disk", Lineage: "one", Claim: "one", Number: 1, Time: time.Unix(100, 0).UTC()}
	tear := func(fragment string) {
		t.Helper()
		content, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, append(content, fragment...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(lines int64, torn bool) {
		t.Helper()
		if c, err := Read(dir); err != nil || c.Lines != lines || c.Torn != torn || c.Spoiled != "" {
			t.Errorf("%+v, %v: want %d lines, torn: %v", c, err, lines, torn)
		}
	}
	if err := os.WriteFile(file, []byte("ns/di"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(0, true)
	for n := range int64(2) {
		line.Number = n + 1
		if err := Append(dir, line, n == 0); err != nil {
			t.Fatal(err)
		}
		want(n+1, false)
		tear("ns/disk one o")
		want(n+1, true)
	}
}
