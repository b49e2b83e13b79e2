package watched

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
)

// streamer is a client that reads a watch of VolumeSnapshots in one pass. Others read
// the JSON of each event several times, with all that nobody needs, which takes most of
// the time until all snapshots are known.
type streamer struct {
	client.WithWatch
	rest rest.Interface
}

// NewClient returns a client for [NewSnapshots], of a manager's cluster.
func NewClient(c cluster.Cluster) (client.WithWatch, error) {
	all, err := client.NewWithWatch(c.GetConfig(), client.Options{Scheme: c.GetScheme(), Mapper: c.GetRESTMapper(), HTTPClient: c.GetHTTPClient()})
	if err != nil {
		return nil, fmt.Errorf("set up the client that watches: %w", err)
	}
	gvk := snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot")
	one, err := apiutil.RESTClientForGVK(gvk, true, false, c.GetConfig(), serializer.NewCodecFactory(c.GetScheme()), c.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("set up the client that watches snapshots: %w", err)
	}
	return &streamer{WithWatch: all, rest: one}, nil
}

// Watch implements [client.WithWatch].
func (s *streamer) Watch(ctx context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	if _, ok := list.(*snapshotv1.VolumeSnapshotList); !ok {
		return s.WithWatch.Watch(ctx, list, options...)
	}
	o := client.ListOptions{}
	o.ApplyOptions(options)
	raw := o.AsListOptions()
	raw.Watch = true
	stream, err := s.rest.Get().NamespaceIfScoped(o.Namespace, o.Namespace != "").Resource("volumesnapshots").
		SpecificallyVersionedParams(raw, metav1.ParameterCodec, metav1.SchemeGroupVersion).Stream(ctx)
	if net.IsProbableEOF(err) || net.IsTimeout(err) { // then a reflector asks for the same watch again, and not for all objects
		return nil, apierrors.NewTooManyRequests(err.Error(), 0)
	}
	if err != nil {
		return nil, err
	}
	return watch.NewStreamWatcher(newDecoder(stream, longestSilence), undecodable), nil
}

// undecodable makes the error with which a watch ends whose next event cannot be read.
var undecodable = apierrors.NewClientErrorReporter(http.StatusInternalServerError, http.MethodGet, "ClientWatchDecoding")

// event is the JSON of one event of a watch.
type event struct {
	Type   watch.EventType `json:"type"`
	Object struct {
		Metadata metadata                         `json:"metadata"`
		Spec     snapshotv1.VolumeSnapshotSpec    `json:"spec"`
		Status   *snapshotv1.VolumeSnapshotStatus `json:"status"`

		// Of the [metav1.Status] that says why a watch ends.
		Code    int32                 `json:"code"`
		Reason  metav1.StatusReason   `json:"reason"`
		Message string                `json:"message"`
		Details *metav1.StatusDetails `json:"details"`
	} `json:"object"`
}

// metadata is that of a snapshot without who has set which field, half of its bytes.
type metadata struct {
	metav1.ObjectMeta
	ManagedFields []struct{} `json:"managedFields"`
}

// longestSilence is how long nothing may come on a watch. The apiserver sends a bookmark
// each minute or so. A connection that is open though nobody serves it would otherwise
// hide for as long as it lasts what has changed, such as a pin.
const longestSilence = 3 * time.Minute

// decoder reads the events of a stream. It implements [watch.Decoder].
type decoder struct {
	json   *json.Decoder
	stream io.Closer

	longest time.Duration
	silence *time.Timer // runs while an event is waited for
	silent  atomic.Bool // it was silent for too long
}

func newDecoder(stream io.ReadCloser, longest time.Duration) *decoder {
	d := &decoder{json: json.NewDecoder(stream), stream: stream, longest: longest}
	d.silence = time.AfterFunc(longest, func() {
		d.silent.Store(true)
		d.Close()
	})
	return d
}

// ofSnapshots are the types of the events that have a snapshot.
var ofSnapshots = []watch.EventType{watch.Added, watch.Modified, watch.Deleted, watch.Bookmark}

// Decode returns the next event.
func (d *decoder) Decode() (watch.EventType, runtime.Object, error) {
	var e event
	d.silence.Reset(d.longest)
	err := d.json.Decode(&e)
	d.silence.Stop()
	if err != nil && d.silent.Load() { // a reflector then watches on from where it is
		return "", nil, io.EOF
	}
	if o := &e.Object; e.Type == watch.Error { // its status is a text, which is an error here
		return e.Type, &metav1.Status{Status: metav1.StatusFailure, Code: o.Code, Reason: o.Reason, Message: o.Message, Details: o.Details}, nil
	}
	if err != nil {
		return "", nil, err
	}
	if !slices.Contains(ofSnapshots, e.Type) || e.Object.Metadata.ResourceVersion == "" { // the next watch would begin anywhere, and miss deletions
		return "", nil, fmt.Errorf("an event of type %q with the resourceVersion %q", e.Type, e.Object.Metadata.ResourceVersion)
	}
	return e.Type, &snapshotv1.VolumeSnapshot{ObjectMeta: e.Object.Metadata.ObjectMeta, Spec: e.Object.Spec, Status: e.Object.Status}, nil
}

// Close ends the stream.
func (d *decoder) Close() { _ = d.stream.Close() }
