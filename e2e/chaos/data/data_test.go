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
