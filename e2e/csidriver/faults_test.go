package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
)

func TestParseFaults(t *testing.T) {
	type params map[string]string
	for _, test := range []struct {
		name   string
		keys   faultKeys
		params params
		want   faults
		err    string // what the error must contain
	}{
		{name: "none", keys: snapshotFaultKeys},
		{name: "of sidecars", keys: snapshotFaultKeys, params: params{"csi.storage.k8s.io/volumesnapshot/name": "x"}},
		{name: "ready", keys: snapshotFaultKeys, params: params{"readyAfter": "5s"}, want: faults{readyAfter: 5 * time.Second}},
		{name: "cut", keys: snapshotFaultKeys, params: params{"cutAfter": "1m30s"}, want: faults{delay: 90 * time.Second}},
		{name: "always", keys: snapshotFaultKeys, params: params{"failSnapshots": "true"}, want: faults{failCalls: failAlways}},
		{name: "never", keys: snapshotFaultKeys, params: params{"failSnapshots": "false"}},
		{name: "once", keys: snapshotFaultKeys, params: params{"failSnapshots": "1"}, want: faults{failCalls: 1}},
		{name: "several", keys: snapshotFaultKeys, params: params{"failSnapshots": "2", "cutAfter": "1s", "readyAfter": "2s"},
			want: faults{failCalls: 2, delay: time.Second, readyAfter: 2 * time.Second}},
		{name: "torn", keys: snapshotFaultKeys, params: params{"content": "torn"}, want: faults{content: contentTorn}},
		{name: "damaged", keys: snapshotFaultKeys, params: params{"content": "damaged"}, want: faults{content: contentDamaged}},
		{name: "no content", keys: snapshotFaultKeys, params: params{"content": "bad"},
			err: `parameter content: "bad" is neither torn, damaged nor torn-line`},
		{name: "content of a volume", keys: volumeFaultKeys, params: params{"content": "torn"}, err: `unknown parameter "content"`},
		{name: "volume", keys: volumeFaultKeys, params: params{"failCreates": "3", "createAfter": "3s"},
			want: faults{failCalls: 3, delay: 3 * time.Second}},
		{name: "throttled", keys: volumeFaultKeys, params: params{"failCreates": "true", "failWith": "RESOURCE_EXHAUSTED"},
			want: faults{failCalls: failAlways, code: codes.ResourceExhausted}},
		{name: "hanging", keys: deleteFaultKeys, params: params{"hangFor": "2s"}, want: faults{hang: 2 * time.Second}},
		{name: "no failure", keys: deleteFaultKeys, params: params{"failWith": "OK"}, err: `parameter failWith: "OK" is not a code`},
		{name: "no code", keys: deleteFaultKeys, params: params{"failWith": "BUSY"}, err: `parameter failWith: "BUSY" is not a code`},
		{name: "no unit", keys: snapshotFaultKeys, params: params{"readyAfter": "5"},
			err: `parameter readyAfter: "5" is not a duration`},
		{name: "negative delay", keys: snapshotFaultKeys, params: params{"cutAfter": "-1s"},
			err: `parameter cutAfter: "-1s" is not a duration`},
		{name: "no count", keys: volumeFaultKeys, params: params{"failCreates": "yes"},
			err: `parameter failCreates: "yes" is neither true, false nor a number`},
		{name: "negative count", keys: snapshotFaultKeys, params: params{"failSnapshots": "-1"},
			err: `parameter failSnapshots: "-1" is neither`},
		{name: "unknown", keys: snapshotFaultKeys, params: params{"readyafter": "5s"},
			err: `unknown parameter "readyafter" (known parameters: content, cutAfter, failSnapshots, failWith, hangFor, readyAfter)`},
		{name: "of the other class", keys: volumeFaultKeys, params: params{"readyAfter": "5s"},
			err: `unknown parameter "readyAfter" (known parameters: createAfter, failCreates, failWith, hangFor)`},
		{name: "empty key", keys: volumeFaultKeys, params: params{"": "5s"}, err: `unknown parameter ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.keys.parse(test.params)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error is %v, want one with %q", err, test.err)
				}
				return
			}
			test.want.keys, test.want.code = test.keys, cmp.Or(test.want.code, codes.Internal)
			if err != nil || got != test.want {
				t.Errorf("got %+v (%v), want %+v", got, err, test.want)
			}
		})
	}
}

// step is one call some time after the one before.
type step struct {
	after time.Duration
	code  codes.Code
	text  string
}

func TestFaultsOfCalls(t *testing.T) {
	for _, test := range []struct {
		fault, value string
		steps        []step
	}{
		{"fail", "true", []step{{0, codes.Internal, "every call"}, {time.Hour, codes.Internal, "every call"}}},
		{"fail", "2", []step{{0, codes.Internal, "call 1 of 2"}, {0, codes.Internal, "call 2 of 2"}, {0, codes.OK, ""}, {0, codes.OK, ""}}},
		{"fail", "0", []step{{0, codes.OK, ""}}},
		{"delay", "5s", []step{{0, codes.Aborted, "another 5s"}, {4999 * time.Millisecond, codes.Aborted, "another 1ms"}, {time.Millisecond, codes.OK, ""}, {0, codes.OK, ""}}},
		{"delay", "0s", []step{{0, codes.OK, ""}}},
	} {
		for kind, keys := range map[string]faultKeys{"snapshot": snapshotFaultKeys, "volume": volumeFaultKeys} {
			key := map[string]string{"fail": keys.fail, "delay": keys.delay}[test.fault]
			t.Run(key+"="+test.value, func(t *testing.T) {
				clk := newClock()
				d := openDriver(t, t.TempDir(), clk.now)
				sourceID, _ := d.create(t, volumeRequest("source", 1<<20))
				params := map[string]string{key: test.value}
				// Another name's calls must not be counted.
				for _, name := range []string{"other", "name"} {
					for i, s := range test.steps {
						clk.move(s.after)
						err := d.make(kind, name, sourceID, params)
						wantCode(t, err, s.code)
						if err != nil && (!strings.Contains(err.Error(), s.text) || !strings.Contains(err.Error(), "fault "+key)) {
							t.Errorf("step %d: error is %v, want one with %q and %q", i, err, s.text, key)
						}
					}
				}
			})
		}
	}
}

// make asks for a snapshot or a volume.
func (d *testDriver) make(kind, name, sourceID string, params map[string]string) error {
	if kind == "snapshot" {
		_, err := d.CreateSnapshot(context.Background(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: sourceID, Parameters: params})
		return err
	}
	req := volumeRequest(name, 1<<20)
	req.Parameters = params
	_, err := d.CreateVolume(context.Background(), req)
	return err
}

func TestInvalidParameters(t *testing.T) {
	d := newTestDriver(t)
	sourceID, _ := d.create(t, volumeRequest("source", 1<<20))
	for _, kind := range []string{"snapshot", "volume"} {
		wantCode(t, d.make(kind, "name", sourceID, map[string]string{"color": "red"}), codes.InvalidArgument)
	}
}

// readiness asks for a snapshot in both ways and fails if they differ.
func (d *testDriver) readiness(t *testing.T, name, volumeID string, params map[string]string) bool {
	t.Helper()
	created, err := d.CreateSnapshot(context.Background(), &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: volumeID, Parameters: params})
	if err != nil {
		t.Fatal(err)
	}
	want := created.GetSnapshot()
	listed, err := d.ListSnapshots(context.Background(), &csi.ListSnapshotsRequest{SnapshotId: want.GetSnapshotId()})
	if err != nil || len(listed.GetEntries()) != 1 {
		t.Fatalf("listed %v (%v), want one snapshot", listed.GetEntries(), err)
	}
	if got := listed.GetEntries()[0].GetSnapshot(); got.String() != want.String() {
		t.Fatalf("listed as %v, created as %v", got, want)
	}
	return want.GetReadyToUse()
}

func TestReadyAfter(t *testing.T) {
	clk, root := newClock(), t.TempDir()
	d := openDriver(t, root, clk.now)
	id, dir := d.create(t, volumeRequest("source", 1<<20))
	writeFile(t, dir+"/file", "at the cut")
	params := map[string]string{"readyAfter": "5s"}
	cutAt := clk.now()

	for _, s := range []struct {
		after time.Duration
		ready bool
	}{{0, false}, {4 * time.Second, false}, {time.Second, true}} {
		clk.move(s.after)
		if got := d.readiness(t, "snap", id, params); got != s.ready {
			t.Errorf("%s after the cut ready is %t", clk.now().Sub(cutAt), got)
		}
		if s.ready {
			continue
		}
		writeFile(t, dir+"/file", "after the cut")
		_, err := d.CreateVolume(context.Background(), fromSnapshot(volumeRequest("early", 1<<20), "snap"))
		wantCode(t, err, codes.Aborted)
		// A restart must not make it ready.
		d = openDriver(t, root, clk.now)
	}
	snap, _ := d.snapshots.get("snap")
	if !snap.CutAt.Equal(cutAt) {
		t.Errorf("cut at %s, want %s", snap.CutAt, cutAt)
	}
	_, restored := d.create(t, fromSnapshot(volumeRequest("restored", 1<<20), "snap"))
	wantFile(t, restored+"/file", "at the cut")
}

func TestCutAfter(t *testing.T) {
	clk := newClock()
	d := openDriver(t, t.TempDir(), clk.now)
	id, dir := d.create(t, volumeRequest("source", 1<<20))
	params := map[string]string{"cutAfter": "5s"}
	for i := range 5 {
		writeFile(t, dir+"/file", fmt.Sprintf("second %d", i))
		wantCode(t, d.make("snapshot", "snap", id, params), codes.Aborted)
		clk.move(time.Second)
	}
	writeFile(t, dir+"/file", "second 5")
	if !d.readiness(t, "snap", id, params) {
		t.Error("the snapshot is not ready")
	}
	wantFile(t, d.snapshots.dataDir("snap")+"/file", "second 5")
	if snap, _ := d.snapshots.get("snap"); !snap.CutAt.Equal(clk.now()) {
		t.Errorf("creation time is %s, want that of the cut, %s", snap.CutAt, clk.now())
	}
}
