// Package api puts together the API types that Snapback's programs use.
package api

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// NewScheme knows Kubernetes, the snapshot API and Snapback.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	// They register types of their own: an error is a mistake in the program.
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(snapshotv1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}
