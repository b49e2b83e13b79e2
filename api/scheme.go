// Package api combines the API types that Snapback's programs use.
package api

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// NewScheme returns a scheme of the types of Kubernetes, of the snapshot API and of
// Snapback.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	// These functions only register fixed types: an error is a bug in the program.
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(snapshotv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}
