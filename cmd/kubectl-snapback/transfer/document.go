// Package transfer moves snapshots to another Kubernetes cluster: the data stays
// in the storage, and what Kubernetes knows of it is moved as one document.
package transfer

import (
	"errors"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// The version and kind of the document. This program reads no other ones.
const (
	APIVersion = "export.snapback.dev/v1"
	Kind       = "SnapshotExport"
)

// Document is an export.
type Document struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Exported   time.Time  `json:"exported"`
	Snapshots  []Snapshot `json:"snapshots"`
}

// Snapshot is a VolumeSnapshot with its content.
type Snapshot struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Content     Content           `json:"content"`
}

// Content is what the VolumeSnapshotContent says about the stored snapshot.
type Content struct {
	Driver           string                       `json:"driver"`
	SnapshotHandle   string                       `json:"snapshotHandle"`
	CreationTime     time.Time                    `json:"creationTime"` // time of the cut, by the storage's clock
	RestoreSize      string                       `json:"restoreSize,omitempty"`
	SourceVolumeMode *corev1.PersistentVolumeMode `json:"sourceVolumeMode,omitempty"`
	DeletionPolicy   snapshotv1.DeletionPolicy    `json:"deletionPolicy,omitempty"` // in the exporting cluster
	ClassName        string                       `json:"volumeSnapshotClassName,omitempty"`
}

// Encode writes a document as YAML.
func Encode(d Document) ([]byte, error) {
	d.APIVersion, d.Kind = APIVersion, Kind
	if d.Snapshots == nil {
		d.Snapshots = []Snapshot{}
	}
	data, err := yaml.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode the export: %w", err)
	}
	return data, nil
}

// Decode reads what [Encode] wrote. Unknown fields are an error: an export that is
// read in part would leave a broker without its data.
func Decode(data []byte) (Document, error) {
	var d, empty Document
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	switch err := yaml.Unmarshal(data, &head); {
	case err != nil:
		return empty, fmt.Errorf("it is not YAML as \"kubectl snapback export\" writes it: %w", err)
	case head.Kind != Kind:
		return empty, fmt.Errorf("it is a %q, not a %s of \"kubectl snapback export\"", head.Kind, Kind)
	case head.APIVersion != APIVersion:
		return empty, fmt.Errorf("it is of version %q, this kubectl snapback knows %s: use the version that wrote it", head.APIVersion, APIVersion)
	}
	if err := yaml.UnmarshalStrict(data, &d); err != nil {
		return empty, fmt.Errorf("it is not as \"kubectl snapback export\" writes it: %w", err)
	}
	seen := map[[2]string]bool{}
	for n, s := range d.Snapshots {
		if err := s.check(); err != nil {
			return empty, fmt.Errorf("snapshot %d, %s/%s: %w", n+1, s.Namespace, s.Name, err)
		}
		if seen[[2]string{s.Namespace, s.Name}] {
			return empty, fmt.Errorf("snapshot %d, %s/%s: it is there twice", n+1, s.Namespace, s.Name)
		}
		seen[[2]string{s.Namespace, s.Name}] = true
	}
	return d, nil
}

func (s Snapshot) check() error {
	switch {
	case len(validation.IsDNS1123Label(s.Namespace)) > 0:
		return errors.New("its namespace is not a valid name")
	case len(validation.IsDNS1123Subdomain(s.Name)) > 0:
		return errors.New("its name is not a valid name of a VolumeSnapshot")
	case len(s.Annotations) == 0:
		return errors.New("it has no annotations")
	case s.Content.Driver == "" || s.Content.SnapshotHandle == "":
		return errors.New("it has no driver or no snapshotHandle")
	case s.Content.CreationTime.IsZero():
		return errors.New("it has no creationTime")
	}
	_, err := s.volume()
	return err
}

// volume returns the broker volume that the snapshot was taken of.
func (s Snapshot) volume() (snapshots.Volume, error) {
	vs := &snapshotv1.VolumeSnapshot{}
	vs.Namespace, vs.Name, vs.Labels, vs.Annotations = s.Namespace, s.Name, s.Labels, s.Annotations
	parsed, err := snapshots.NewSnapshot(vs)
	if err != nil {
		return snapshots.Volume{}, err
	}
	v, ok := snapshots.VolumeOf(s.Namespace, parsed)
	if !ok {
		return snapshots.Volume{}, errors.New("its label " + v1alpha1.LabelVolume + " does not match the volume that its annotations name")
	}
	return v, nil
}
