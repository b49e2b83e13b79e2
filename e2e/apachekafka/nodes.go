package apachekafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
)

// NewNodes makes the nodes of a Kafka cluster whose disks are somebody else's. None is
// started. The caller must call Close, also after an error.
func NewNodes(install *Install, options Options) (c *Cluster, err error) {
	c = &Cluster{Options: options, ID: newID(), Nodes: map[int]*Node{}, install: install, dir: options.Dir}
	c.Patience = cmp.Or(c.Patience, patience)
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "snapback-kafka-*"); err != nil {
			return c, fmt.Errorf("make a folder for the nodes: %w", err)
		}
	}
	for _, spec := range options.Nodes {
		if c.Nodes[spec.ID], err = newNode(c.dir, spec); err != nil {
			return c, err
		}
	}
	return c, nil
}

// LaunchOn starts a node on folders that are its disks from now on, and does not wait
// for it. Its last process has ended.
func (c *Cluster) LaunchOn(ctx context.Context, id int, folders ...string) error {
	n := c.Nodes[id]
	if len(folders) != len(n.disks) {
		return fmt.Errorf("node %d has %d disks, and is to start on %d", id, len(n.disks), len(folders))
	}
	for i, folder := range folders {
		if _, err := os.Stat(folder); err != nil {
			return fmt.Errorf("look for a disk of node %d: %w", id, err) // to make it would bring a lost disk back
		}
		n.disks[i] = disk{volume: folder}
	}
	return c.Launch(ctx, id)
}

// Ready is an error unless each broker says that it is in the cluster.
func (c *Cluster) Ready(ctx context.Context) error {
	var errs []error
	for _, spec := range c.Options.Nodes {
		if spec.Role.serves() {
			errs = append(errs, c.Nodes[spec.ID].member(ctx))
		}
	}
	return errors.Join(errs...)
}
