package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// faultKeys are the parameters by which faults are asked for.
type faultKeys struct {
	// fail is "true", or how many calls for each name fail before one succeeds.
	fail string
	// delay is how long after the first call for a name all calls are put off.
	delay string
	// ready is how long after its cut a snapshot is not yet ready to use.
	ready string
	// content is what the copy is like, see content.go.
	content string
	// code is the gRPC code of calls that fail, such as RESOURCE_EXHAUSTED; by
	// default INTERNAL.
	code string
	// hang is how long a call is kept before anything is done.
	hang string
}

// snapshotFaultKeys are parameters of a VolumeSnapshotClass.
var snapshotFaultKeys = faultKeys{fail: "failSnapshots", delay: "cutAfter", ready: "readyAfter", content: "content", code: "failWith", hang: "hangFor"}

// volumeFaultKeys are parameters of a StorageClass.
var volumeFaultKeys = faultKeys{fail: "failCreates", delay: "createAfter", code: "failWith", hang: "hangFor"}

// deleteFaultKeys are those of deletions, which have no class: they are switched on, see
// switches.go.
var deleteFaultKeys = faultKeys{fail: "failDeletes", delay: "deleteAfter", code: "failWith", hang: "hangFor"}

// sidecarPrefix marks the parameters that the sidecars add.
const sidecarPrefix = "csi.storage.k8s.io/"

// failAlways stands for any number of failing calls.
const failAlways = -1

// faults are the faults that one call asks for; the zero value is none.
type faults struct {
	keys       faultKeys
	failCalls  int
	delay      time.Duration
	readyAfter time.Duration
	content    content
	code       codes.Code
	hang       time.Duration
}

// parse reads faults from the parameters of a class.
func (k faultKeys) parse(params map[string]string) (faults, error) {
	f := faults{keys: k, code: codes.Internal}
	for _, key := range slices.Sorted(maps.Keys(params)) {
		if strings.HasPrefix(key, sidecarPrefix) {
			continue
		}
		var err error
		switch value := params[key]; {
		case !slices.Contains(k.known(), key):
			err = fmt.Errorf("unknown parameter %q", key)
		case key == k.fail:
			f.failCalls, err = parseCalls(key, value)
		case key == k.delay:
			f.delay, err = parseDelay(key, value)
		case key == k.ready:
			f.readyAfter, err = parseDelay(key, value)
		case key == k.content:
			f.content, err = parseContent(key, value)
		case key == k.code:
			f.code, err = parseCode(key, value)
		case key == k.hang:
			f.hang, err = parseDelay(key, value)
		}
		if err != nil {
			return faults{}, fmt.Errorf("%w (known parameters: %s)", err, strings.Join(k.known(), ", "))
		}
	}
	return f, nil
}

// known lists the parameters there are.
func (k faultKeys) known() []string {
	all := []string{k.content, k.delay, k.fail, k.code, k.hang, k.ready}
	return slices.DeleteFunc(all, func(key string) bool { return key == "" })
}

func parseCalls(key, value string) (int, error) {
	switch value {
	case "true":
		return failAlways, nil
	case "false":
		return 0, nil
	}
	calls, err := strconv.Atoi(value)
	if err != nil || calls < 0 {
		return 0, fmt.Errorf("parameter %s: %q is neither true, false nor a number of calls", key, value)
	}
	return calls, nil
}

func parseDelay(key, value string) (time.Duration, error) {
	delay, err := time.ParseDuration(value)
	if err != nil || delay < 0 {
		return 0, fmt.Errorf("parameter %s: %q is not a duration such as 5s", key, value)
	}
	return delay, nil
}

func parseCode(key, value string) (code codes.Code, err error) {
	if err := code.UnmarshalJSON([]byte(strconv.Quote(value))); err != nil || code == codes.OK {
		return codes.OK, fmt.Errorf("parameter %s: %q is not a code of gRPC that a call fails with, such as RESOURCE_EXHAUSTED", key, value)
	}
	return code, nil
}

// keep keeps a call for as long as it has to hang, or until its caller gives up.
func (f faults) keep(ctx context.Context) error {
	if f.hang == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	case <-time.After(f.hang):
		return nil
	}
}

// faultBook counts the calls for each name that has not succeeded yet. It is
// kept in memory only: a restart of the driver starts faults over.
type faultBook struct {
	now      func() time.Time
	attempts map[string]attempts
}

type attempts struct {
	first time.Time
	calls int
}

func newFaultBook(now func() time.Time) *faultBook {
	return &faultBook{now: now, attempts: map[string]attempts{}}
}

// check counts one call for name and returns the fault it meets, if any, as a
// gRPC status. The count of failing calls comes before the delay.
func (b *faultBook) check(name string, f faults) error {
	now := b.now()
	a, ok := b.attempts[name]
	if !ok {
		a.first = now
	}
	a.calls++
	b.attempts[name] = a

	if f.failCalls == failAlways {
		return status.Errorf(f.code, "fault %s: every call for %q fails", f.keys.fail, name)
	}
	if a.calls <= f.failCalls {
		return status.Errorf(f.code, "fault %s: call %d of %d for %q fails", f.keys.fail, a.calls, f.failCalls, name)
	}
	if due := a.first.Add(f.delay); now.Before(due) {
		// Aborted tells the sidecars that the operation is pending.
		return status.Errorf(codes.Aborted, "fault %s: %q is put off for another %s", f.keys.delay, name, due.Sub(now))
	}
	return nil
}

// forget drops the count of a name that succeeded.
func (b *faultBook) forget(name string) {
	delete(b.attempts, name)
}
