package webhook

import (
	"context"
	"fmt"
	"sync"
)

// turns is a lock per namespace for work that takes much memory. The objects of
// one tenant are in memory only once, however many claims it creates, and no other
// tenant waits for it.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	taken   chan struct{} // full while a claim has the turn
	waiting int           // the number of claims that wait, and the one that has the turn
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
