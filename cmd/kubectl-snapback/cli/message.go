package cli

import (
	"errors"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Message returns the text of an error in one line, with what to do.
func Message(err error) string {
	var unreachable *url.Error
	text := strings.Join(strings.Fields(err.Error()), " ")
	switch {
	case clientcmd.IsEmptyConfig(err):
		return "no kubeconfig: name one with --kubeconfig or KUBECONFIG"
	case unknownGroup(err) == v1alpha1.GroupVersion.Group:
		return "this cluster does not know KafkaBackups: Snapback is not installed here"
	case unknownGroup(err) == snapshotv1.GroupName:
		return "this cluster does not know VolumeSnapshots: install the CRDs of the CSI external-snapshotter"
	case errors.As(err, &unreachable):
		return "cannot reach the cluster: " + text
	}
	return text
}

// unknownGroup returns the API group that the cluster does not serve; empty if the
// error has another cause.
func unknownGroup(err error) string {
	var noKind *meta.NoKindMatchError
	var failed *apiutil.ErrResourceDiscoveryFailed
	switch {
	case errors.As(err, &noKind):
		return noKind.GroupKind.Group
	case errors.As(err, &failed):
		for version, why := range *failed {
			if meta.IsNoMatchError(why) || apierrors.IsNotFound(why) {
				return version.Group
			}
		}
	}
	return ""
}
