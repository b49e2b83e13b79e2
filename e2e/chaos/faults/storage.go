package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// storageFaults are what can be wrong with the storage, as the CSI driver's file of
// faults says it.
var storageFaults = map[string]string{
	"snapshots-slow":      `{"snapshots": {"cutAfter": "4s", "readyAfter": "8s"}}`,
	"snapshots-failing":   `{"snapshots": {"failSnapshots": "true"}}`,
	"snapshots-throttled": `{"snapshots": {"failSnapshots": "3", "failWith": "RESOURCE_EXHAUSTED"}}`,
	"snapshots-hanging":   `{"snapshots": {"hangFor": "6s"}}`,
	"snapshots-torn":      `{"snapshots": {"content": "torn-line"}}`,
	"volumes-slow":        `{"volumes": {"createAfter": "6s"}}`,
	"volumes-failing":     `{"volumes": {"failCreates": "true"}}`,
	"volumes-throttled":   `{"volumes": {"failCreates": "3", "failWith": "RESOURCE_EXHAUSTED"}}`,
	"volumes-hanging":     `{"volumes": {"hangFor": "12s"}}`, // longer than the provisioner waits
	"deletes-failing":     `{"deletes": {"failDeletes": "true", "failWith": "UNAVAILABLE"}}`,
	"deletes-hanging":     `{"deletes": {"hangFor": "6s"}}`,
}

// The storage is slow, ill or has too much to do, or its snapshots end in the middle of
// a write.
var _ = register(Fault{
	Kind: plan.Kind{Name: "storage", Weight: 20, Longest: 25 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		all := slices.Sorted(maps.Keys(storageFaults))
		return plan.Args{"what": all[r.IntN(len(all))]}
	}},
	Begin: func(_ context.Context, w *world.World, args plan.Args) (func() error, error) {
		return dropIn(w.Stage.StorageFaults(), args["what"], storageFaults[args["what"]])
	},
})

// dropIn puts a file for the CSI driver into a folder, and returns what takes it out
// again. Two of one name are two files.
func dropIn(dir, name, content string) (remove func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the storage's faults: %w", err)
	}
	file, err := os.CreateTemp(dir, name+"-*")
	if err != nil {
		return nil, fmt.Errorf("ask for a fault of the storage: %w", err)
	}
	_, err = file.WriteString(content)
	whole := file.Name() + ".json" // the driver reads it only now
	if err := errors.Join(err, file.Close(), os.Rename(file.Name(), whole)); err != nil {
		return nil, fmt.Errorf("ask for a fault of the storage: %w", err)
	}
	return func() error {
		if err := os.Remove(whole); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("end a fault of the storage: %w", err)
		}
		return nil
	}, nil
}
