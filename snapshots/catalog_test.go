package snapshots_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// naive is a catalog without indexes: it searches all snapshots each time.
type naive map[types.NamespacedName]snapshots.Snapshot

func (n naive) of(namespace string, match func(snapshots.Snapshot) bool) map[string][]snapshots.Snapshot {
	found := map[string][]snapshots.Snapshot{}
	for name, s := range n {
		if name.Namespace == namespace && match(s) {
			found[s.Volume] = append(found[s.Volume], s)
		}
	}
	for _, of := range found {
		slices.SortFunc(of, func(a, b snapshots.Snapshot) int {
			if c := b.Scheduled.Compare(a.Scheduled); c != 0 {
				return c
			}
			return slices.Compare([]byte(b.Name), []byte(a.Name))
		})
	}
	return found
}

func (n naive) lists() map[string][]snapshots.Snapshot {
	all := map[string][]snapshots.Snapshot{}
	for name, s := range n {
		all[name.Namespace] = append(all[name.Namespace], s)
	}
	return all
}

var catalogVolumes = func() (all []snapshots.Volume) {
	for _, namespace := range []string{"one", "two"} {
		for _, cluster := range []string{"kafka", "other"} {
			for broker := range 3 {
				all = append(all, snapshots.Volume{Namespace: namespace, Cluster: cluster, Slot: fmt.Sprintf("data-%d", broker), Node: fmt.Sprint(broker)})
			}
		}
	}
	return all
}()

func randomSnapshot(r *rand.Rand) (types.NamespacedName, snapshots.Snapshot) {
	v := catalogVolumes[r.IntN(len(catalogVolumes))]
	s := snapshots.Snapshot{
		Name: fmt.Sprintf("s%d", r.IntN(40)), UID: types.UID(fmt.Sprint(r.IntN(3))), ResourceVersion: fmt.Sprint(r.IntN(9)), Volume: v.Hash(), Node: v.Node,
		Scheduled: now.Add(time.Duration(r.IntN(20)) * time.Hour), Ready: r.IntN(2) == 0,
		Annotations: map[string]string{v1alpha1.AnnotationClusterName: v.Cluster, v1alpha1.AnnotationBackupName: catalogBackups[r.IntN(len(catalogBackups))]},
	}
	return types.NamespacedName{Namespace: v.Namespace, Name: s.Name}, s
}

var catalogBackups = []string{"hourly", "daily"}

func (n naive) has(name types.NamespacedName) bool { _, ok := n[name]; return ok }

func sum(volumes map[string][]snapshots.Snapshot) (n int) {
	for _, of := range volumes {
		n += len(of)
	}
	return n
}

// TestCatalogAgainstNaive puts, replaces and deletes snapshots at random. Some move
// to another volume.
func TestCatalogAgainstNaive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	catalog, model := snapshots.NewCatalog(nil), naive{}
	for step := range 3000 {
		name, s := randomSnapshot(r)
		switch r.IntN(100) {
		case 0:
			model[name] = s
			catalog = snapshots.NewCatalog(model.lists())
		case 1:
			catalog, model = relisted(r, catalog, model)
		case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30:
			delete(model, name)
			catalog.Delete(name)
		default:
			model[name] = s
			catalog.Put(name.Namespace, s)
		}
		v := catalogVolumes[r.IntN(len(catalogVolumes))]
		want := model.of(v.Namespace, func(s snapshots.Snapshot) bool { return s.Volume == v.Hash() })[v.Hash()]
		if got := catalog.Volume(v); !(len(got) == 0 && len(want) == 0) && !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d, step %d: %s has %+v, want %+v", seed, step, v, got, want)
		}
		cluster := model.of(v.Namespace, func(s snapshots.Snapshot) bool { return s.Annotations[v1alpha1.AnnotationClusterName] == v.Cluster })
		if got := catalog.Cluster(v); !reflect.DeepEqual(got, cluster) {
			t.Fatalf("seed %d, step %d: cluster of %s has %+v, want %+v", seed, step, v, got, cluster)
		}
		backup := types.NamespacedName{Namespace: v.Namespace, Name: catalogBackups[r.IntN(len(catalogBackups))]}
		own := model.of(v.Namespace, func(s snapshots.Snapshot) bool { return s.Annotations[v1alpha1.AnnotationBackupName] == backup.Name })
		got := catalog.Own(backup)
		for _, of := range got.Volumes { // a reader that adds to the snapshots of a volume changes those of no other
			_ = append(of, snapshots.Snapshot{Name: "of a reader"})
		}
		if !reflect.DeepEqual(got.Volumes, own) || len(got.All) != sum(own) {
			t.Fatalf("seed %d, step %d: %s has %+v, want %+v", seed, step, backup, got, own)
		}
		if of, ok := catalog.BackupOf(name); ok != model.has(name) || ok && of.Name != model[name].Annotations[v1alpha1.AnnotationBackupName] {
			t.Fatalf("seed %d, step %d: %s is of %s, %t", seed, step, name, of, ok)
		}
	}
}

// relisted returns what a list makes of a catalog: most snapshots are as they were, some
// have changed, some are gone, and some come twice.
func relisted(r *rand.Rand, catalog *snapshots.Catalog, before naive) (*snapshots.Catalog, naive) {
	list, model := catalog.Relist(), naive{}
	for name, s := range before {
		switch r.IntN(6) {
		case 0:
			continue
		case 1:
			list.Keep(name, s.UID, s.ResourceVersion)
			list.Delete(name)
			continue
		}
		if list.Keep(name, s.UID, "another") || list.Keep(name, "another", s.ResourceVersion) {
			panic("another version is the same")
		}
		if !list.Keep(name, s.UID, s.ResourceVersion) {
			list.Put(name.Namespace, s)
		}
		model[name] = s
	}
	for range 5 {
		name, s := randomSnapshot(r)
		list.Put(name.Namespace, s)
		model[name] = s
	}
	return list.Done(), model
}

// A result that a reader holds does not change.
func TestCatalogIsNotChangedUnderReaders(t *testing.T) {
	v := catalogVolumes[0]
	at := func(hour int) snapshots.Snapshot {
		return snapshots.Snapshot{Name: fmt.Sprintf("s%02d", hour), Volume: v.Hash(), Scheduled: now.Add(time.Duration(hour) * time.Hour)}
	}
	catalog := snapshots.NewCatalog(map[string][]snapshots.Snapshot{v.Namespace: {at(2), at(4), at(6)}})
	held := catalog.Volume(v)
	before := slices.Clone(held)
	for _, hour := range []int{1, 3, 5, 7, 4} {
		catalog.Put(v.Namespace, at(hour))
	}
	catalog.Delete(types.NamespacedName{Namespace: v.Namespace, Name: "s06"})
	if !reflect.DeepEqual(held, before) {
		t.Errorf("held %+v, was %+v", held, before)
	}
	if got := catalog.Volume(v); len(got) != 6 {
		t.Errorf("%d snapshots, want 6", len(got))
	}
}

// TestRelistOfOneVolume has all snapshots of one volume, as anybody may label them. That
// each is as before takes no longer than with many volumes.
func TestRelistOfOneVolume(t *testing.T) {
	relist := func(volumes int) time.Duration {
		all := make([]snapshots.Snapshot, 20_000)
		for i := range all {
			all[i] = snapshots.Snapshot{Name: fmt.Sprint("s", i), Volume: fmt.Sprint(i % volumes), ResourceVersion: "1", Scheduled: now.Add(time.Duration(i) * time.Second)}
		}
		catalog := snapshots.NewCatalog(map[string][]snapshots.Snapshot{"kafka": all})
		begun := time.Now()
		list := catalog.Relist()
		for _, s := range all {
			if !list.Keep(types.NamespacedName{Namespace: "kafka", Name: s.Name}, "", "1") {
				t.Fatalf("%s has changed", s.Name)
			}
		}
		list.Done()
		return time.Since(begun)
	}
	if many, one := relist(1000), relist(1); one > 10*many+time.Second {
		t.Errorf("a list takes %s with one volume, %s with many", one, many)
	}
}

// Snapshots of a volume share the memory of equal fields.
func TestCatalogSharesMemory(t *testing.T) {
	all := readAll(t, snapshotOf(ago(time.Hour)).Ready(), snapshotOf(ago(2*time.Hour)).Ready())
	v := identify(t, brokerClaim())
	catalog := snapshots.NewCatalog(map[string][]snapshots.Snapshot{v.Namespace: {all[0].Lean(), all[1].Lean()}})
	got := catalog.Volume(v)
	if len(got) != 2 || reflect.ValueOf(got[0].Annotations).Pointer() != reflect.ValueOf(got[1].Annotations).Pointer() || got[0].Size != got[1].Size {
		t.Errorf("%+v", got)
	}
	if len(got) > 0 && (got[0].Annotations[v1alpha1.AnnotationSourcePVC] != "" || got[0].Annotations[v1alpha1.AnnotationBackupName] == "") {
		t.Errorf("kept %v", got[0].Annotations)
	}
}
