// Package athand has the options to read from the apiserver's watch cache as it is, which
// is usually some milliseconds behind. To wait for an up-to-date one would take up to
// 100 ms after each write.
package athand

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Get is the option to read one object.
var Get client.GetOption = &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}}

// List is the option to list objects.
var List client.ListOption = list{}

type list struct{}

// ApplyToList implements [client.ListOption]. Each list has raw options of its own: the
// client writes its selectors into them.
func (list) ApplyToList(o *client.ListOptions) {
	o.Raw = &metav1.ListOptions{ResourceVersion: "0"}
}
