package change

import "testing"

func TestWithSuspend(t *testing.T) {
	t.Parallel()
	const spec = "# by hand\nclusterRef: kafka # ours\nschedule: \"@every 1h\"\nvolumeSnapshotClassName: csi\n"
	for name, test := range map[string]struct {
		spec    string
		suspend bool
		want    string
	}{
		"added":    {spec, true, spec + "suspend: true\n"},
		"changed":  {"suspend: false # for now\n" + spec, true, "suspend: true # for now\n" + spec},
		"resumed":  {spec + "suspend: true\n", false, spec + "suspend: false\n"},
		"empty":    {"{}", true, "{suspend: true}\n"},
		"of a map": {"clusterRef: kafka\nvolumeSelector:\n  matchLabels:\n    a: b\n", true, "clusterRef: kafka\nvolumeSelector:\n  matchLabels:\n    a: b\nsuspend: true\n"},
	} {
		got, err := withSuspend(test.spec, test.suspend)
		if err != nil || got != test.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, test.want)
		}
	}
	for _, broken := range []string{"a: [", "- a list", "", "text"} {
		if got, err := withSuspend(broken, true); err == nil {
			t.Errorf("%q has become %q", broken, got)
		}
	}
}
