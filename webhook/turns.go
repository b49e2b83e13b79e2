package webhook

import (
	"context"
	"fmt"
	"sync"
)

// turns lets one after another of a namespace have something that takes much
// memory: what a tenant has written is in memory once, however many claims it
// asks for, and no other tenant waits for it.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	taken   chan struct{} // holds one while it is somebody's turn
	waiting int           // with the one whose turn it is
}

// acquire waits for the namespace's turn, which ends when release is called.
func (t *turns) acquire(ctx context.Context, namespace string) (release func(), err error) {
	own := t.join(namespace)
	select {
	case own.taken <- struct{}{}:
		return func() { <-own.taken; t.leave(namespace, own) }, nil
	case <-ctx.Done():
		t.leave(namespace, own)
		return nil, fmt.Errorf("wait for the other claims of namespace %s: %w", namespace, ctx.Err())
	}
}

func (t *turns) join(namespace string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]*turn{}
	}
	if t.of[namespace] == nil {
		t.of[namespace] = &turn{taken: make(chan struct{}, 1)}
	}
	t.of[namespace].waiting++
	return t.of[namespace]
}

func (t *turns) leave(namespace string, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.waiting--; own.waiting == 0 {
		delete(t.of, namespace)
	}
}
