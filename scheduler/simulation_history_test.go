package scheduler

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// maxLag is how long a cache can be behind, and how long an answer can take.
const maxLag = 30 * time.Second

var kindSnapshot = reflect.TypeOf(&snapshotv1.VolumeSnapshot{})

// options change a simulation from its defaults.
type options struct {
	calm bool                                       // nothing fails
	wrap func(*tenure, client.Client) client.Client // a bug to find
	see  func(*snapshotv1.VolumeSnapshot)           // another one, in what is known of a snapshot

	creates int       // how many creates of all runs go on at once; 0: as many as outside of simulations
	actions *[]string // log of all that happened
}

// world is a cluster with a scheduler, and everything that acts on it.
type world struct {
	options options
	rng     *rand.Rand
	clock   *clockwork.FakeClock
	store   store
	scheme  *runtime.Scheme
	mapper  meta.RESTMapper
	webhook *lagging
	storage storage

	generated bool // the operator's claims have generated names
	strips    bool // the operator removes what it has not written itself
	remembers bool // the operator can tell a lost broker from a new one
	retain    bool // the class keeps contents
	locks     bool // the class locks snapshots
	bound     int  // how many snapshots may be under way; 0: the default
	brokers   []*broker
	term      *tenure
	upAt      time.Time // when a scheduler leads again
	trouble   bool      // the API fails often
	quota     bool      // no snapshot can be created

	onTheirWay  []*call
	resting     bool
	refused     map[runOf]bool  // creates in this step
	gaveUp      map[string]bool // claims with an uncut snapshot that was deleted in this step
	calmSince   time.Time
	frozenSince map[string]time.Time
	ledger      ledger

	eventsMu sync.Mutex
	events   map[string]string

	step      int
	actions   []string
	violation error
}

func newWorld(seed uint64, o options) *world {
	w := &world{
		options: o, rng: rand.New(rand.NewPCG(seed, 1)), mapper: meta.NewDefaultRESTMapper(nil),
		clock:   clockwork.NewFakeClockAt(time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)),
		storage: storage{volumes: map[string]data{}, cuts: map[types.UID]data{}, of: map[types.UID]string{}, cutAt: map[types.UID]time.Time{}, fates: map[types.UID]fate{}, bindAt: map[types.UID]time.Time{}, left: map[types.UID]bool{}},
		refused: map[runOf]bool{}, gaveUp: map[string]bool{}, frozenSince: map[string]time.Time{}, events: map[string]string{}, ledger: newLedger(),
	}
	w.store = store{objects: objects{}, now: w.clock.Now}
	w.webhook = &lagging{objects: objects{}, of: &w.store}
	w.generated, w.retain, w.locks = seed%2 == 1, seed%3 == 0, seed%3 == 1
	w.strips, w.remembers = seed%5 == 2, seed%4 == 1
	w.mustCreate(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	w.bound = []int{0, 2, 0, 4}[seed%4]
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: "class"}, Driver: driver, DeletionPolicy: w.policy()}
	if w.bound > 0 {
		class.Annotations = map[string]string{v1alpha1.AnnotationMaxInFlight: fmt.Sprint(w.bound)}
	}
	if w.locks {
		class.Parameters = map[string]string{"lockMode": "governance", "lockDuration": "1"}
	}
	w.mustCreate(class)
	w.storage.throttles = seed%3 == 1
	w.mustCreate(&admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "snapback"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "claims.snapback.dev"}}})
	for i := range 3 {
		w.brokers = append(w.brokers, w.newBroker(i))
	}
	foreign := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "by-hand"}}
	foreign.Spec.Source.PersistentVolumeClaimName = new(string)
	w.mustCreate(foreign)
	w.createBackup("hourly")
	w.createBackup("daily")
	return w
}

func (w *world) policy() snapshotv1.DeletionPolicy {
	if w.retain {
		return snapshotv1.VolumeSnapshotContentRetain
	}
	return snapshotv1.VolumeSnapshotContentDelete
}

func (w *world) mustCreate(o client.Object) {
	if err := w.store.create(o); err != nil {
		panic(err)
	}
}

// did notes what happened, for the report of a violation.
func (w *world) did(text string, args ...any) {
	w.actions = append(w.actions, fmt.Sprintf("%6d %s ", w.step, w.clock.Now().Format("01-02 15:04:05"))+fmt.Sprintf(text, args...))
	if all := w.options.actions; all != nil {
		*all = append(*all, w.actions[len(w.actions)-1])
	}
	if len(w.actions) > 120 {
		w.actions = w.actions[len(w.actions)-60:]
	}
}

func (w *world) violate(err error) {
	if w.violation == nil {
		w.violation = err
	}
}

// disturbed notes that something happened that excuses the scheduler.
func (w *world) disturbed() { w.calmSince = w.clock.Now() }

// live lets the world go on for so long.
func (w *world) live(hours int) error {
	end := w.clock.Now().Add(time.Duration(hours) * time.Hour)
	for w.clock.Now().Before(end) && w.violation == nil {
		w.step++
		w.takeStep()
	}
	if w.term != nil {
		w.term.stop("end")
	}
	return w.violation
}

func (w *world) takeStep() {
	clear(w.refused)
	clear(w.gaveUp)
	w.advance()
	w.storageWorks()
	w.operatorWorks()
	w.somethingHappens()
	w.webhook.advance(w.rng.IntN(w.webhook.behind()+1), w.clock.Now().Add(-maxLag))
	for len(w.onTheirWay) > 0 && w.rng.IntN(2) == 0 {
		c := w.onTheirWay[0]
		w.onTheirWay = w.onTheirWay[1:]
		w.did("arrives late: %s: %v", c.name, c.do())
		w.disturbed()
	}
	if w.term == nil && !w.clock.Now().Before(w.upAt) {
		w.startTerm()
		w.disturbed()
	}
	var owed []debt
	if t := w.term; t != nil {
		t.resync()
		t.observe(0)
		if w.rng.IntN(10) < 7 {
			t.observe(t.cache.behind())
		} else {
			w.disturbed()
		}
		owed = w.owed()
	}
	w.untilRest()
	if w.term != nil && w.violation == nil {
		w.checkRuns(owed)
		w.checkReports()
		w.checkOrigins()
		w.checkTurns()
		w.checkReasons()
		w.checkAbandoned()
	}
	if w.term == nil && w.upAt.Before(w.clock.Now()) {
		w.upAt = w.clock.Now().Add(w.downtime())
	}
	w.forgetLog()
}

// forgetLog drops the writes that all caches have seen.
func (w *world) forgetLog() {
	seen := w.webhook.pos
	if w.term != nil {
		seen = min(seen, w.term.cache.pos)
	}
	if seen < 1000 {
		return
	}
	w.store.log = append([]change(nil), w.store.log[seen:]...)
	w.webhook.pos -= seen
	if w.term != nil {
		w.term.cache.pos -= seen
	}
}

func (w *world) downtime() time.Duration {
	switch w.rng.IntN(4) {
	case 0:
		return time.Duration(w.rng.IntN(8*3600)) * time.Second
	case 1:
		return time.Duration(w.rng.IntN(600)) * time.Second
	}
	return time.Duration(w.rng.IntN(20)) * time.Second
}

// advance lets time pass: mostly seconds, sometimes hours, and only a little
// while a request is on its way.
func (w *world) advance() {
	var d int
	switch n := w.rng.IntN(100); {
	case n < 40:
		d = 1 + w.rng.IntN(60)
	case n < 80:
		d = 1 + w.rng.IntN(900)
	case n < 97:
		d = 1 + w.rng.IntN(3600)
	default:
		d = 1 + w.rng.IntN(6*3600)
	}
	if w.busy() {
		d = 1 + w.rng.IntN(10)
	}
	now := w.clock.Now()
	end := now.Add(time.Duration(d) * time.Second)
	if w.term != nil {
		end = w.term.nextRun(end) // a timer that comes late would make a missed run
	}
	w.clock.Advance(end.Sub(now))
	synctest.Wait() // until the runs that are due have asked for something
	w.ledger.before = now
}

func (w *world) busy() bool {
	if len(w.onTheirWay) > 0 || w.term != nil && !w.resting {
		return true
	}
	for _, b := range w.brokers {
		if b.admitted != nil {
			return true
		}
	}
	return false
}

// createBackup creates one of the two KafkaBackups.
func (w *world) createBackup(name string) {
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
		Annotations: map[string]string{v1alpha1.AnnotationRestore: "latest"}}}
	kb.Spec = v1alpha1.KafkaBackupSpec{ClusterRef: "kafka", VolumeSnapshotClassName: "class"}
	w.redraw(kb)
	w.mustCreate(kb)
	w.touched(name)
	w.did("KafkaBackup %s is created: %s", name, kb.Spec.Schedule)
}
