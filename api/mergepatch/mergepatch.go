// Package mergepatch builds JSON merge patches that change only the very object that
// was read.
package mergepatch

import (
	"encoding/json"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Of returns the JSON merge patch that makes a change to the object of this UID. A
// nil value removes a field. With a resourceVersion, the patch fails with a conflict
// if the object has changed since. Without a UID, a patch could change another
// object that was created again under the same name.
func Of(uid types.UID, resourceVersion string, change map[string]any) (client.Patch, error) {
	metadata := map[string]any{}
	if given, ok := change["metadata"].(map[string]any); ok {
		maps.Copy(metadata, given)
	}
	metadata["uid"] = uid
	if resourceVersion != "" {
		metadata["resourceVersion"] = resourceVersion
	}
	guarded := maps.Clone(change)
	if guarded == nil {
		guarded = map[string]any{}
	}
	guarded["metadata"] = metadata
	body, err := json.Marshal(guarded)
	if err != nil {
		return nil, fmt.Errorf("write a merge patch: %w", err)
	}
	return client.RawPatch(types.MergePatchType, body), nil
}

// Annotations returns the change that sets annotations. A nil value removes one.
func Annotations(annotations map[string]any) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": annotations}}
}
