package screen

import (
	"slices"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// Cluster is the page of one Kafka cluster.
type Cluster struct {
	Key      inventory.ClusterKey
	Problems []inventory.Problems // the gravest first; none: all is well
	Count    int                  // of the problems, of all objects
	Kafka    string               // when Kafka was asked what would be lost; empty: it is not asked
	AtRisk   []string             // what it said, in records
	Loss     string               // how much time the worst volume would lose if it died now
	LossOf   string               // that volume; empty: all are alike
	Backups  []Backup
	Picture  Picture
}

// NewCluster returns a part of the page of a Kafka cluster; false if there is no such
// cluster.
func NewCluster(i *inventory.Inventory, key inventory.ClusterKey, part Part, now time.Time) (Cluster, bool) {
	if !slices.Contains(i.Clusters(), key) {
		return Cluster{}, false
	}
	own := i.Of(key)
	s := own.Statuses(now)[0]
	c := Cluster{Key: key, Problems: s.Together(), Count: len(s.Problems), Kafka: s.KafkaSaid(now), AtRisk: s.AtRisk(),
		Backups: backupsOf(own, s, now), Picture: newPicture(own, s, part, now)}
	c.Loss, c.LossOf = worst(s.Volumes, now)
	return c, true
}

// Offers returns all actions of the page.
func (c Cluster) Offers() []Action { return Backups{Shown: c.Backups}.Offers() }

// Title returns the page's title.
func (c Cluster) Title() string { return "Kafka cluster " + c.Key.String() }

// Command returns the kubectl command that says the same.
func (c Cluster) Command() string {
	return c.Key.Command("status")
}

// Draw returns the kubectl command that draws the picture.
func (c Cluster) Draw() string {
	return c.Key.Command("snapshots")
}
