package ports

import (
	"net"
	"testing"
)

// TestAssign gets many ports, which differ, can be listened on, and are of no connection.
func TestAssign(t *testing.T) {
	seen := map[int]bool{}
	for range 500 {
		var one, other int
		if err := Assign(&one, &other); err != nil {
			t.Fatal(err)
		}
		for _, port := range []int{one, other} {
			if seen[port] || port < first || port > last {
				t.Fatalf("port %d again, or of the kernel's", port)
			}
			seen[port] = true
		}
	}
	l, err := net.Listen("tcp", Address(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // it was only tried
}
