package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// storeBatch is how many objects one transaction of [store.unwatched] stores: etcd takes
// at most 128.
const storeBatch = 100

// store writes objects into etcd, status included, where the apiserver finds
// them as if it had stored them itself. Creating them through the apiserver
// takes ten times as long.
type store struct {
	url   string
	batch int // objects in one transaction
}

// unwatched returns the store for objects that no client watches yet: it stores many in
// one transaction. All of these have one resourceVersion, so that a watch which breaks
// between them and goes on from there never gets the rest.
func (s store) unwatched() store {
	s.batch = storeBatch
	return s
}

var scheme = api.NewScheme()

func storeOf(c *cluster.Cluster) (store, error) {
	pid, err := child(c.Pid, "/etcd ")
	if err != nil {
		return store{}, err
	}
	args, err := arguments(pid)
	if err != nil {
		return store{}, err
	}
	for _, arg := range args {
		if url, ok := strings.CutPrefix(arg, "--listen-client-urls="); ok {
			return store{url: url, batch: 1}, nil
		}
	}
	return store{}, fmt.Errorf("process %d (etcd) does not say where it listens", pid)
}

// fill stores n objects.
func (s store) fill(ctx context.Context, n int, object func(i int) client.Object) error {
	batches := (n + s.batch - 1) / s.batch
	return parallel(batches, 4, func(batch int) error {
		var all []client.Object
		for i := batch * s.batch; i < min(n, (batch+1)*s.batch); i++ {
			all = append(all, object(i))
		}
		return s.put(ctx, all...)
	})
}

// put stores objects in one transaction.
func (s store) put(ctx context.Context, objects ...client.Object) error {
	type put struct {
		Key   []byte `json:"key"` // base64 in the JSON, as etcd wants it
		Value []byte `json:"value"`
	}
	type operation struct {
		Put put `json:"requestPut"`
	}
	var txn struct {
		Success []operation `json:"success"`
	}
	for _, o := range objects {
		value, err := stored(o)
		if err != nil {
			return err
		}
		txn.Success = append(txn.Success, operation{put{[]byte(storedAt(o)), value}})
	}
	_, err := s.ask(ctx, "txn", txn)
	return err
}

// clear deletes all objects of a resource in a namespace, whatever finalizers they
// have, one by one: see [store.unwatched].
func (s store) clear(ctx context.Context, resource, namespace string) error {
	type keys struct {
		Key  []byte `json:"key"`
		End  []byte `json:"range_end,omitempty"` // exclusive
		Only bool   `json:"keys_only,omitempty"`
	}
	prefix := "/registry/" + resource + "/" + namespace
	answer, err := s.ask(ctx, "range", keys{[]byte(prefix + "/"), []byte(prefix + "0"), true}) // 0 follows /
	if err != nil {
		return err
	}
	var found struct {
		All []keys `json:"kvs"`
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return fmt.Errorf("decode the keys of %s: %w", prefix, err)
	}
	return parallel(len(found.All), 4, func(i int) error {
		_, err := s.ask(ctx, "deleterange", keys{Key: found.All[i].Key})
		return err
	})
}

// ask sends a request to etcd's JSON gateway, and returns the answer.
func (s store) ask(ctx context.Context, what string, request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode a request to etcd: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v3/kv/"+what, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask etcd for a %s: %w", what, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask etcd for a %s: %w", what, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("ask etcd for a %s: %w", what, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("etcd does no %s (%s): %s", what, resp.Status, answer)
	}
	return answer, nil
}

// stored is what the apiserver reads: the object as JSON, with a UID.
func stored(o client.Object) ([]byte, error) {
	if _, is := o.(*unstructured.Unstructured); !is {
		kind, err := apiutil.GVKForObject(o, scheme)
		if err != nil {
			return nil, fmt.Errorf("find the kind of %s: %w", o.GetName(), err)
		}
		o.GetObjectKind().SetGroupVersionKind(kind)
	}
	if o.GetUID() == "" {
		o.SetUID(uuid.NewUUID())
	}
	if o.GetGeneration() == 0 {
		o.SetGeneration(1)
	}
	value, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.GetName(), err)
	}
	return value, nil
}

// storedAt is the object's key in etcd.
func storedAt(o client.Object) string {
	resource := "?"
	switch o := o.(type) {
	case *corev1.PersistentVolume:
		return "/registry/persistentvolumes/" + o.Name
	case *corev1.PersistentVolumeClaim:
		resource = "persistentvolumeclaims"
	case *snapshotv1.VolumeSnapshot:
		resource = snapshotv1.GroupName + "/volumesnapshots"
	case *v1alpha1.KafkaBackup:
		resource = v1alpha1.GroupVersion.Group + "/kafkabackups"
	case *unstructured.Unstructured:
		kind := o.GroupVersionKind()
		resource = kind.Group + "/" + strings.ToLower(kind.Kind) + "s"
	}
	return fmt.Sprintf("/registry/%s/%s/%s", resource, o.GetNamespace(), o.GetName())
}
