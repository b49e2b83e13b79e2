package webhook

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// byWord reports whether a claim would start empty since nobody has opted its volume in,
// or somebody has opted it out, although it has snapshots, and not by its own annotation.
// The watches may not have brought an opt-in yet.
func (c *consideration) byWord(d snapshots.Decision) bool {
	if c.pvc.Annotations[v1alpha1.AnnotationRestore] != "" {
		return false
	}
	return d.Reason == v1alpha1.ReasonOptedOut && d.Message == "" || d.Reason == v1alpha1.ReasonNotOptedIn && snapshots.Newest(c.known) != nil
}

// askWord reads from the apiserver what people say of restores on the namespace and the
// KafkaBackups.
func (c *consideration) askWord(ctx context.Context) error {
	if err := c.askBackups(ctx); err != nil {
		return err
	}
	clusters := []string{c.claim.Volume.Cluster}
	for _, b := range c.cluster.Backups {
		clusters = append(clusters, b.Cluster)
	}
	cluster, err := c.clusterOf(ctx, clusters...)
	if err != nil {
		return err
	}
	cluster.Snapshots = c.cluster.Snapshots
	c.cluster = cluster
	return nil
}

// askBackups reads the KafkaBackups from the apiserver, and from now on the namespace too.
// Only one claim of a namespace has a page of them in memory at a time.
func (c *consideration) askBackups(ctx context.Context) error {
	release, err := c.lists.acquire(ctx, c.namespace)
	if err != nil {
		return err
	}
	defer release()
	c.told = true
	c.backups, err = c.Backups.listLive(ctx, c.Live, c.namespace)
	return err
}

// listLive lists the KafkaBackups of a namespace from the apiserver.
func (b *Backups) listLive(ctx context.Context, live client.Reader, namespace string) ([]snapshots.Backup, error) {
	kafkaBackups, err := b.kafkaBackups.listLive(ctx, live, namespace)
	if err != nil {
		return nil, err
	}
	configMaps, err := b.configMaps.listLive(ctx, live, namespace)
	if err != nil {
		return nil, err
	}
	return snapshots.Together(kafkaBackups, configMaps, snapshots.Backup.Key), nil
}

func (s *backupStore) listLive(ctx context.Context, live client.Reader, namespace string) (found []snapshots.Backup, err error) {
	page := &client.ListOptions{Limit: pageSize}
	for {
		list := s.List()
		if err := live.List(ctx, list, append([]client.ListOption{client.InNamespace(namespace), page}, s.Match...)...); watched.UnknownKind(err) {
			return nil, nil // without the kind there are none
		} else if err != nil {
			return nil, fmt.Errorf("list the %s of namespace %s: %w", s.Name, namespace, err)
		}
		err := meta.EachListItem(list, func(o runtime.Object) error {
			if b := backupOf(o); b != nil {
				found = append(found, *b)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the %s of namespace %s: %w", s.Name, namespace, err)
		}
		if page.Continue = list.GetContinue(); page.Continue == "" {
			return found, nil
		}
	}
}
