package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
)

const drillsLong = `Show what restore drills have found, the newest first: which snapshot of which volume was restored, from
which run, how long the restore and the reading took, and what was found. Nothing is changed.

Drills are made by Snapback's component "drills", for KafkaBackups with spec.drill. A result is Sound (Kafka
would start on the restored volume, and nothing is damaged), Damaged, or Failed: nobody knows, since the drill
was not brought to its end.

It lists the reports on all VolumeSnapshots that there are, and what the KafkaBackups remember of those that
are gone: the last 20 drills of each. An auditor who wants more keeps the output of -o json.

The form of -o json and yaml is stable: fields are added, and none is renamed or removed. Each item of
"drills" has the fields of a report in status.drills (docs/kafkabackup.md): result, volume, broker,
volumeSnapshot, runTime, dueTime, startedTime, boundTime, mountedTime, finishedTime, partitions, records,
bytes, message; and kafkaBackup, restoreSeconds (the measured time of the restore) and durationSeconds.`

const drillsExample = `  # What was proven of a cluster's volumes
  kubectl snapback drills my-cluster -n kafka

  # For the auditors
  kubectl snapback drills my-cluster -n kafka -o json > drills.json

  # The longest restore
  kubectl snapback drills my-cluster -o json | jq '[.drills[].restoreSeconds // 0] | max'`

func drillsCommand(o *options) *cobra.Command {
	var format output
	cmd := &cobra.Command{
		Use:               "drills [CLUSTER]",
		Short:             "What restore drills have proven: which snapshots were restored, how long it took, what was found",
		Long:              drillsLong,
		Example:           drillsExample,
		GroupID:           groupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: o.completeOne(clusterNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.drills(cmd.Context(), append(args, "")[0], format)
		},
	}
	format.addTo(cmd)
	return cmd
}

func (o *options) drills(ctx context.Context, cluster string, format output) error {
	if err := format.check(); err != nil {
		return err
	}
	_, inv, err := o.loadCluster(ctx, cluster, nil)
	if err != nil {
		return err
	}
	o.warn(inv.Notes)
	all := inv.Drills(o.now())
	switch format {
	case outputText, outputWide:
		if len(all) == 0 {
			fmt.Fprintf(o.ErrOut, "No restore drill of Kafka cluster %s is known.\n", inv.Clusters()[0])
			return nil
		}
		return printDrills(o.Out, all, format == outputWide, o.now())
	case outputName:
		var names []runtime.Object
		for _, d := range all {
			names = append(names, nameOf("snapshot.storage.k8s.io/v1", "VolumeSnapshot", d.VolumeSnapshot))
		}
		list, err := listOf(names)
		if err != nil {
			return err
		}
		return format.print(list, o.Out)
	}
	form := struct {
		Drills []inventory.Drill `json:"drills"`
	}{all}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&form)
	if err != nil {
		return fmt.Errorf("convert the reports: %w", err)
	}
	object["apiVersion"], object["kind"] = "cli."+v1alpha1.GroupVersion.Group+"/v1", "Drills"
	return format.print(&unstructured.Unstructured{Object: object}, o.Out)
}

// printDrills prints a row for each drill.
func printDrills(out io.Writer, all []inventory.Drill, wide bool, now time.Time) error {
	rows := [][]string{{"VOLUME", "SNAPSHOT", "RUN", "RESULT", "RESTORED IN", "VERIFIED IN", "PARTITIONS", "RECORDS", "WHEN", "MESSAGE"}}
	if wide {
		rows[0] = append(rows[0], "BROKER", "KAFKABACKUP", "BYTES")
	}
	for _, d := range all {
		restored, verified, partitions, records := "-", "-", "-", "-"
		if d.MountedTime != nil {
			restored = duration.HumanDuration(d.MountedTime.Sub(d.StartedTime.Time))
			verified = duration.HumanDuration(d.FinishedTime.Sub(d.MountedTime.Time))
		}
		if d.Result != v1alpha1.DrillFailed {
			partitions, records = kafka.Thousands(int64(d.Partitions)), kafka.Thousands(d.Records)
		}
		row := []string{d.Volume, d.VolumeSnapshot, d.RunTime.UTC().Format(time.RFC3339), string(d.Result), restored, verified, partitions, records,
			ago(d.FinishedTime.Time, now), cmp.Or(strings.Join(strings.Fields(d.Message), " "), "-")}
		if wide {
			row = append(row, d.Broker, d.KafkaBackup, fmt.Sprint(d.Bytes))
		}
		rows = append(rows, row)
	}
	return table(out, rows)
}
