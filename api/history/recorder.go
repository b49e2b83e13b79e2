package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// The components that record, and the actor if no user has asked for it.
const (
	Webhook   = "webhook"
	Scheduler = "scheduler"

	Snapback = "snapback"
)

const (
	maxPending = 10000 // entries that wait to be written, of all clusters
	maxWaiting = 1000  // the same of one cluster: its document holds about as many
	maxQueues  = 2000  // clusters of which entries wait

	gather        = 2 * time.Second  // what comes within this time is written at once
	gatherPrunes  = 10 * time.Second // the same for prunes, which come by the hundred: each write replaces the whole object
	gatherRepeats = time.Minute      // the same for repeats of what was written
	hurry         = 250              // so many entries of one cluster are written at once

	retry  = 10 * time.Second // between two attempts to write
	giveUp = 10 * time.Minute // after this time entries count as lost
)

// Recorder records entries: it writes each to the log at once, and later to the
// ConfigMap of its Kafka cluster, whose apiserver may be slow or away. A nil one records
// nothing.
type Recorder struct {
	Component string
	Out       io.Writer     // the log
	Client    Writer        // of the ConfigMaps; nil: the log is all there is
	Reader    client.Reader // from the apiserver
	Now       func() time.Time
	Lost      func(n int) // entries that no ConfigMap has; nil: nobody counts

	out     sync.Mutex
	mu      sync.Mutex
	queues  map[types.NamespacedName]*queue // by namespace and Kafka cluster
	pending int                             // entries in all queues
	told    map[repeat]time.Time            // when a refusal was last written
	turn    sync.Mutex                      // held while ConfigMaps are written
}

// logLine is a line of the log: its fields are those of an entry, and the name by which
// tools find it.
type logLine struct {
	Logger string `json:"logger"`
	v1alpha1.HistoryEntry
}

// Record records an entry, whose ID, time, component and, if nobody else did it, actor
// are filled in. It returns the entry's ID. It waits for no apiserver.
func (r *Recorder) Record(e v1alpha1.HistoryEntry) string {
	if r == nil {
		return ""
	}
	now := r.Now()
	e = r.tell(e, now)
	if e.Cluster != "" && r.Client != nil {
		r.enqueue(e, now)
	}
	return e.ID
}

// Log is Record for the log alone: who may create claims must not fill a namespace with
// ConfigMaps of clusters that nobody else knows.
func (r *Recorder) Log(e v1alpha1.HistoryEntry) string {
	if r == nil {
		return ""
	}
	return r.tell(e, r.Now()).ID
}

// tell completes an entry, and writes it to the log.
func (r *Recorder) tell(e v1alpha1.HistoryEntry, now time.Time) v1alpha1.HistoryEntry {
	e = r.complete(e, now)
	r.print(e)
	return e
}

func (r *Recorder) complete(e v1alpha1.HistoryEntry, now time.Time) v1alpha1.HistoryEntry {
	if e.Component = r.Component; e.Actor == "" {
		e.Actor = Snapback
	}
	e.Time.Time = now.UTC().Truncate(time.Second)
	limitTexts(&e)
	e.ID = idOf(e)
	return e
}

// idOf returns an ID that is the same if the same is found again, as by the next leader
// after a crash: then it is one entry.
func idOf(e v1alpha1.HistoryEntry) string {
	const hashed = 16
	text := strings.Join([]string{string(e.Kind), e.Reason, e.Namespace, e.Cluster, e.Volume, e.ClaimUID, e.Admission, e.SnapshotUID}, "\x00")
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:hashed]
}

// print writes the line of the log.
func (r *Recorder) print(e v1alpha1.HistoryEntry) {
	text, err := json.Marshal(logLine{"history", e})
	if err == nil {
		r.out.Lock()
		defer r.out.Unlock()
		_, err = r.Out.Write(append(text, '\n'))
	}
	if err != nil {
		log.Log.Error(err, "cannot write a line of the history", "id", e.ID)
	}
}
