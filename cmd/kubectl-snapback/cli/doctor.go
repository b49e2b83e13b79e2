package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/reach"
	"github.com/snapback-dev/snapback/kafka"
)

const doctorLong = `Examine the installation and the backups, and say what to do.

It checks that the cluster can do what Snapback needs: its version, the CRDs, no other project's KafkaBackups in the way,
snapshot-controller, no csi-snapshotter that waits for the CRDs of volume group snapshots. That the installation works: the
webhook's configuration, its certificate and cert-manager's word on it, the Deployment, the scheduler's Lease, the rights of the
ServiceAccount, the clocks. And of the brokers and backups of a namespace, or of all: that the webhook answers (a claim is created in a
dry run) and is asked about every volume, that classes fit the volumes, keep the data, and lock it no longer than the retention, that
StorageClasses restore at full speed as far as that can be read, that volumes are covered, opted in, and have a good snapshot,
that no lost claim would be refused, that somebody has restored one, that no quota is full, that no stored data is left behind, that restore drills
can be made where a KafkaBackup wants them, that
Kafka can be asked where a KafkaBackup wants it, which topics have one replica, and how each claim is known. Kafka is asked about topics
through the apiserver, where a KafkaBackup has spec.kafka, or everywhere with --kafka.

Problems come first: what does not work, or would not when a broker is lost. Then warnings, what could not be checked and why, and how
many checks are fine; -o wide lists those too. What you may not read is said, and not taken for a fault. Beside the brokers' namespaces
these are read: StorageClasses, VolumeSnapshotClasses, PersistentVolumes, VolumeSnapshotContents, and, where the CRDs of volume group
snapshots are missing, the Deployments of all namespaces.

The exit code is 1 if there is a problem, and 0 otherwise, warnings or not. Nothing is changed.`

const doctorExample = `  # the installation, and the brokers of one namespace
  kubectl snapback doctor -n kafka

  # those of all namespaces, with what is fine, and how each claim is known
  kubectl snapback doctor -A -o wide

  # only the problems, for a script
  kubectl snapback doctor -A -o json | jq '.findings[] | select(.state == "problem")'`

// The output formats besides words and wide.
const (
	outputJSON = "json"
	outputYAML = "yaml"
)

func doctorCommand(o *options) *cobra.Command {
	var all, everyKafka bool
	var output, system string
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Check an installation, the brokers and the backups, and say what to do",
		Long:    doctorLong,
		Example: doctorExample,
		GroupID: groupSee,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			formats := []string{outputWide, outputJSON, outputYAML}
			if output != "" && !slices.Contains(formats, output) {
				return fmt.Errorf("-o %s: must be one of %q", output, formats)
			}
			namespace, _, err := o.flags.ToRawKubeConfigLoader().Namespace()
			if err != nil {
				return fmt.Errorf("read the kubeconfig: %w", err)
			}
			config, err := o.flags.ToRESTConfig()
			if err != nil {
				return fmt.Errorf("read the kubeconfig: %w", err)
			}
			if all {
				namespace = ""
			}
			ask := func(ctx context.Context, c client.Client, inv *inventory.Inventory) (*kafka.Observation, error) {
				asker := reach.New(config, c, inv, "", o.now)
				defer asker.Close()
				return asker.Observe(ctx)
			}
			findings, err := doctor.Examine(cmd.Context(), config, doctor.Options{Namespace: namespace, SystemNamespace: system, Ask: ask, AskAll: everyKafka}, o.now)
			if err != nil {
				return err
			}
			if err := printFindings(o.Out, findings, output); err != nil {
				return err
			}
			return diagnosis(findings)
		},
	}
	cmd.Flags().BoolVarP(&all, "all-namespaces", "A", false, "the brokers and backups of all namespaces")
	cmd.Flags().BoolVar(&everyKafka, "kafka", false, "ask every Kafka about its topics, also where no KafkaBackup has spec.kafka")
	cmd.Flags().StringVarP(&output, "output", "o", "", "wide, json or yaml")
	cmd.Flags().StringVar(&system, "system-namespace", "", "Snapback's own namespace; default: what its webhook configuration says")
	// These print their own errors, if any: the names are those above.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputWide, outputJSON, outputYAML}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// diagnosis returns an error if there is a problem, so that the exit code is 1.
func diagnosis(findings []doctor.Finding) error {
	n := 0
	for _, f := range findings {
		if f.State == doctor.Problem {
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("there is a problem")
	}
	return fmt.Errorf("there are %d problems", n)
}

func printFindings(out io.Writer, findings []doctor.Finding, output string) error {
	text := []byte(words(findings, output == outputWide))
	var err error
	document := map[string][]doctor.Finding{"findings": findings}
	switch output {
	case outputJSON:
		if text, err = json.MarshalIndent(document, "", "    "); err == nil {
			text = append(text, '\n')
		}
	case outputYAML:
		text, err = yaml.Marshal(document)
	}
	if err == nil {
		_, err = out.Write(text)
	}
	if err != nil {
		return fmt.Errorf("print the findings: %w", err)
	}
	return nil
}

// words returns the findings in one or two lines each, and how many checks are
// fine.
func words(findings []doctor.Finding, wide bool) string {
	text := ""
	fine := map[string]bool{}
	for _, f := range findings {
		well, seen := fine[f.Check]
		fine[f.Check] = f.State == doctor.OK && (well || !seen)
		if f.State == doctor.OK && !wide {
			continue
		}
		text += string(f.State) + ": " + f.Check + ": "
		if f.Subject != "" {
			text += f.Subject + ": "
		}
		text += f.Message + "\n"
		if f.Do != "" {
			text += "    do: " + f.Do + "\n"
		}
	}
	n := 0
	for _, well := range fine {
		if well {
			n++
		}
	}
	if n == 1 {
		return text + "1 check is fine\n"
	}
	return text + fmt.Sprintf("%d checks are fine\n", n)
}
