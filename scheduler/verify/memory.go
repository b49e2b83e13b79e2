package verify

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Memory is the notes about claims of one term of leadership. With them an Event
// is sent only once.
type Memory struct {
	mu    sync.Mutex
	notes map[types.UID]map[string]bool
	where map[types.UID]string // namespaces of the claims
	last  map[types.UID]int    // numbers of the last note about each claim
	count int                  // number of all notes so far
}

// note notes something about a claim and reports whether it is new.
func (m *Memory) note(pvc *corev1.PersistentVolumeClaim, what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notes == nil {
		m.notes, m.where, m.last = map[types.UID]map[string]bool{}, map[types.UID]string{}, map[types.UID]int{}
	}
	m.count++
	m.last[pvc.UID] = m.count
	if m.notes[pvc.UID] == nil {
		m.notes[pvc.UID], m.where[pvc.UID] = map[string]bool{}, pvc.Namespace
	}
	known := m.notes[pvc.UID][what]
	m.notes[pvc.UID][what] = true
	return !known
}

func (m *Memory) noted(pvc *corev1.PersistentVolumeClaim, what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notes[pvc.UID][what]
}

// NoteCount is the number of notes so far. A list that is read afterwards has
// all claims with notes, except those that are gone.
func (m *Memory) NoteCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// keep drops the notes about the claims of a namespace that are not live any
// more. The live claims were listed after so many notes. Later notes stay, since
// another worker may have written them about newer claims.
func (m *Memory) keep(namespace string, live []corev1.PersistentVolumeClaim, listedAfter int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := map[types.UID]bool{}
	for uid, in := range m.where { // of few claims there is anything to note
		if in == namespace && m.last[uid] <= listedAfter {
			gone[uid] = true
		}
	}
	for i := 0; i < len(live) && len(gone) > 0; i++ {
		delete(gone, live[i].UID)
	}
	for uid := range gone {
		delete(m.notes, uid)
		delete(m.where, uid)
		delete(m.last, uid)
	}
}
