package world

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/kubernetes/scheme"

	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// resources are those whose versions are recorded, by the beginnings of their keys in
// etcd.
var resources = map[string]string{
	"/registry/persistentvolumeclaims/":                                     "persistentvolumeclaims",
	"/registry/persistentvolumes/":                                          "persistentvolumes",
	"/registry/namespaces/":                                                 "namespaces",
	"/registry/configmaps/":                                                 "configmaps",
	"/registry/snapshot.storage.k8s.io/volumesnapshots/":                    "volumesnapshots",
	"/registry/snapshot.storage.k8s.io/volumesnapshotcontents/":             "volumesnapshotcontents",
	"/registry/snapback.dev/kafkabackups/":                                  "kafkabackups",
	"/registry/admissionregistration.k8s.io/mutatingwebhookconfigurations/": "mutatingwebhookconfigurations",
}

// historian records all versions of objects from etcd itself: none is missing and
// their order is the true one, whatever happens to apiservers and proxies.
type historian struct {
	etcd string
	log  *record.Log
	next atomic.Int64 // the first revision that is not recorded
}

// follow records until the context ends.
func (h *historian) follow(ctx context.Context) {
	for ctx.Err() == nil {
		_ = h.watch(ctx) // etcd is being killed
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// event is an event of a watch, as etcd's JSON gateway has it.
type event struct {
	Type string
	KV   struct {
		Key, Value  string
		ModRevision string `json:"mod_revision"`
	}
}

func (h *historian) watch(ctx context.Context) error {
	prefix := base64.StdEncoding.EncodeToString
	question, err := json.Marshal(map[string]any{"create_request": map[string]any{
		"key": prefix([]byte("/registry/")), "range_end": prefix([]byte("/registry0")), "start_revision": strconv.FormatInt(max(1, h.next.Load()), 10)}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.etcd+"/v3/watch", bytes.NewReader(question))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("watch etcd: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	stream := json.NewDecoder(resp.Body)
	for {
		var message struct {
			Result struct{ Events []event }
			Error  *struct{ Message string }
		}
		if err := stream.Decode(&message); err != nil {
			return fmt.Errorf("watch etcd: %w", err)
		}
		if message.Error != nil {
			return fmt.Errorf("watch etcd: %s", message.Error.Message)
		}
		for _, e := range message.Result.Events {
			if err := h.heard(e); err != nil {
				return err
			}
		}
	}
}

// heard records an event once. All events of a revision come in one message.
func (h *historian) heard(e event) error {
	revision, err := strconv.ParseInt(e.KV.ModRevision, 10, 64)
	if err != nil {
		return fmt.Errorf("read a revision: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(e.KV.Key)
	if err != nil {
		return fmt.Errorf("read a key: %w", err)
	}
	if o, ok := named(string(key)); ok && revision >= h.next.Load() {
		o.Revision, o.Gone = revision, e.Type == "DELETE"
		if !o.Gone {
			value, err := base64.StdEncoding.DecodeString(e.KV.Value)
			if err != nil {
				return fmt.Errorf("read an object: %w", err)
			}
			if o.Object, err = asJSON(value); err != nil {
				return err
			}
		}
		h.log.Add(record.Record{Object: &o})
	}
	h.next.Store(revision + 1)
	return nil
}

func named(key string) (record.Object, bool) {
	for prefix, resource := range resources {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			namespace, name, both := strings.Cut(rest, "/")
			if !both {
				namespace, name = "", rest
			}
			return record.Object{Resource: resource, Namespace: namespace, Name: name}, true
		}
	}
	return record.Object{}, false
}

// asJSON turns what the apiserver stores into JSON: Kubernetes' own types are
// protobuf there.
func asJSON(value []byte) (json.RawMessage, error) {
	if !bytes.HasPrefix(value, []byte("k8s\x00")) {
		return value, nil
	}
	o, _, err := scheme.Codecs.UniversalDeserializer().Decode(value, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("decode an object of etcd's: %w", err)
	}
	content, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode an object of etcd's: %w", err)
	}
	return content, nil
}
