// Package v1alpha1 holds the snapback.dev/v1alpha1 API: KafkaBackup.
//
// +kubebuilder:object:generate=true
// +groupName=snapback.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: "snapback.dev", Version: "v1alpha1"}

// AddToScheme registers the types of this package with a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &KafkaBackup{}, &KafkaBackupList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
