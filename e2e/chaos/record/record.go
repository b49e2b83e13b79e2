// Package record is what a chaos run writes down: each write and admission, each
// version of each object, each write of a broker, each operation and fault. One
// file of JSON lines has it all, in the order in which it was heard of.
package record

import (
	"encoding/json"
	"time"
)

// Record is one line. One of the pointers is set.
type Record struct {
	Seq  int64     `json:"seq"`
	Time time.Time `json:"time"`

	Start     *Start     `json:"start,omitempty"`
	Step      *Step      `json:"step,omitempty"`
	Write     *Write     `json:"write,omitempty"`
	Admission *Admission `json:"admission,omitempty"`
	Object    *Object    `json:"object,omitempty"`
	Bound     *Bound     `json:"bound,omitempty"`
	Wrote     *Wrote     `json:"wrote,omitempty"`
	Ended     *Ended     `json:"ended,omitempty"`
	Effect    *Effect    `json:"effect,omitempty"`
	Broker    *Broker    `json:"broker,omitempty"`
	Acked     *Acked     `json:"acked,omitempty"`
	InSync    *InSync    `json:"inSync,omitempty"`
	Readable  *Readable  `json:"readable,omitempty"`
}

// Start says what the run is.
type Start struct {
	Seed     uint64 `json:"seed"`
	Duration string `json:"duration"`
	Options  string `json:"options,omitempty"` // the command that repeats it
	Version  string `json:"version"`
}

// Step is the begin or the end of an operation or a fault.
type Step struct {
	Kind  string            `json:"kind"` // operation, fault, phase
	Name  string            `json:"name"`
	Args  map[string]string `json:"args,omitempty"`
	End   bool              `json:"end,omitempty"`
	Error string            `json:"error,omitempty"`
}

// Effect is what a fault of the connections did until it ended.
type Effect struct {
	Name  string `json:"name"`
	Times int64  `json:"times"` // how often something was to pass
}

// Write is a request that changes something, as the proxy in front of the apiserver
// saw it. Whether it took place is known only from the objects if the answer was
// lost.
type Write struct {
	Began     time.Time       `json:"began"`
	Component string          `json:"component"`
	Agent     string          `json:"agent"`
	Verb      string          `json:"verb"` // of HTTP
	Path      string          `json:"path"`
	Query     string          `json:"query,omitempty"`
	Status    int             `json:"status"`          // 0: no answer
	Fault     string          `json:"fault,omitempty"` // what the proxy did to it
	Body      json.RawMessage `json:"body,omitempty"`
	Answer    json.RawMessage `json:"answer,omitempty"`
}

// Admission is a question of the apiserver to the webhook, with its answer.
type Admission struct {
	Began     time.Time         `json:"began"`
	Replica   string            `json:"replica"`
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"` // a generated name's beginning
	DryRun    bool              `json:"dryRun,omitempty"`
	Object    json.RawMessage   `json:"object"`
	Status    int               `json:"status"` // of HTTP; 0: no answer
	Allowed   bool              `json:"allowed"`
	Decision  string            `json:"decision,omitempty"` // outcome and reason, such as "deny TooSmall"
	Message   string            `json:"message,omitempty"`
	Snapshot  string            `json:"snapshot,omitempty"` // the data source that it set
	Audit     map[string]string `json:"audit,omitempty"`
	Warnings  []string          `json:"warnings,omitempty"`
}

// Object is a version of an object, or its end, as etcd has it.
type Object struct {
	Resource  string          `json:"resource"`
	Namespace string          `json:"namespace,omitempty"`
	Name      string          `json:"name"`
	Revision  int64           `json:"revision"`
	Gone      bool            `json:"gone,omitempty"`
	Object    json.RawMessage `json:"object,omitempty"`
}

// Bound is what was on the volume of a claim when it was first seen bound, before its
// broker wrote to it.
type Bound struct {
	Namespace string   `json:"namespace"`
	Claim     string   `json:"claim"`
	UID       string   `json:"uid"`
	Volume    string   `json:"volume"` // key of the claim's volume
	Content   Contents `json:"content"`
}

// Contents is what the log of a broker holds.
type Contents struct {
	Volumes  []string  `json:"volumes,omitempty"`  // keys in its lines: one, unless something is wrong
	Lineages []string  `json:"lineages,omitempty"` // likewise
	Claims   []string  `json:"claims,omitempty"`   // UIDs of the claims that wrote to it, in their order
	Lines    int64     `json:"lines"`
	Last     int64     `json:"last"` // number of the last write
	LastTime time.Time `json:"lastTime"`
	Torn     bool      `json:"torn,omitempty"`    // it ends in the middle of a write, which brokers cut off as Kafka does
	Spoiled  string    `json:"spoiled,omitempty"` // why it is no log that brokers wrote
}

// Wrote is a write of a broker to its volume, which had ended at the record's time.
type Wrote struct {
	UID     string `json:"uid"` // of the claim
	Volume  string `json:"volume"`
	Lineage string `json:"lineage"`
	Number  int64  `json:"number"`
}

// Ended is a program that ended by itself.
type Ended struct {
	Program string `json:"program"`
	Why     string `json:"why"`
}
