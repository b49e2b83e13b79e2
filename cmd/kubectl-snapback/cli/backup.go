package cli

import (
	"context"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// backup connects and reads the KafkaBackup of this name.
func (o *options) backup(ctx context.Context, name string) (*session, inventory.Backup, error) {
	s, err := o.connect(nil)
	if err != nil {
		return nil, inventory.Backup{}, err
	}
	i, err := inventory.LoadBackups(ctx, s, s.namespace)
	if err != nil {
		return nil, inventory.Backup{}, err
	}
	b, err := i.Backup(s.namespace, name)
	return s, b, err
}
