package scheduler

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/proof"
)

// observeDrills stores what drills have measured of these volumes.
func (t *termFigures) observeDrills(key types.NamespacedName, reports []v1alpha1.DrillReport, volumes []proof.Volume) {
	all, of := proof.Measures(reports), map[string]proof.Measure{}
	for _, v := range volumes {
		if m, ok := all[v.Slot]; ok {
			of[v.Slot] = m
		}
	}
	t.update(key, func(f *figures) { f.drills = of })
}

// collectDrills exports what the drills of each volume have measured.
func collectDrills(out chan<- prometheus.Metric, key types.NamespacedName, of map[string]proof.Measure) {
	for slot, m := range of {
		export := func(desc *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, key.Namespace, key.Name, strings.ToValidUTF8(slot, "?"))
		}
		if !m.LastSuccess.IsZero() {
			export(provenDesc, float64(m.LastSuccess.Unix()))
		}
		if m.Restore > 0 {
			export(drillRestoreDesc, m.Restore.Seconds())
		}
		export(drillDurationDesc, m.Duration.Seconds())
	}
}
