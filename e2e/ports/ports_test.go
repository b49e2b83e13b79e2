package ports

import (
	"net"
	"testing"
)

// TestFree gets many ports, which differ, can be listened on, and are of no connection.
func TestFree(t *testing.T) {
	seen := map[int]bool{}
	for range 20 {
		found, err := Free(50)
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range found {
			if seen[port] || port < first || port > last {
				t.Fatalf("port %d again, or of the kernel's", port)
			}
			seen[port] = true
		}
	}
	address, err := Address()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // it was only tried
}
