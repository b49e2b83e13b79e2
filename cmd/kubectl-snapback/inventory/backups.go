package inventory

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// LoadBackups reads only the KafkaBackups of a namespace: a user who may change
// one cannot always read claims and snapshots.
func LoadBackups(ctx context.Context, c client.Client, namespace string) (*Inventory, error) {
	i := &Inventory{}
	if err := i.loadBackups(ctx, c, namespace); err != nil {
		return nil, err
	}
	return i, nil
}
