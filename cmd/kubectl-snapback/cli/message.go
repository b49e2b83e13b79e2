package cli

import (
	"errors"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/clientcmd"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Message says in one line what went wrong, and what to do.
func Message(err error) string {
	var noKind *meta.NoKindMatchError
	var unreachable *url.Error
	text := strings.Join(strings.Fields(err.Error()), " ")
	switch {
	case clientcmd.IsEmptyConfig(err):
		return "no kubeconfig: name one with --kubeconfig or KUBECONFIG"
	case errors.As(err, &noKind) && noKind.GroupKind.Group == v1alpha1.GroupVersion.Group:
		return "this cluster does not know KafkaBackups: Snapback is not installed here"
	case errors.As(err, &noKind) && noKind.GroupKind.Group == snapshotv1.GroupName:
		return "this cluster does not know VolumeSnapshots: install the CRDs of the CSI external-snapshotter"
	case errors.As(err, &unreachable):
		return "cannot reach the cluster: " + text
	}
	return text
}
