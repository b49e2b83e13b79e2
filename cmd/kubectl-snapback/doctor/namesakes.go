package doctor

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// backupsResource is the name of KafkaBackups in the API.
const backupsResource = "kafkabackups"

// checkNamesakes looks for other kinds of the name KafkaBackup: other projects have
// it too.
func checkNamesakes(_ context.Context, e *examination) ([]Finding, error) {
	_, lists, err := e.discovery.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) { // an API that does not answer is not ours to report
		return nil, fmt.Errorf("ask for the kinds of the cluster: %w", err)
	}
	var found []string
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			if r.Name == backupsResource && version.Group != v1alpha1.GroupVersion.Group {
				found = append(found, r.Name+"."+version.Group)
			}
		}
	}
	return judgeNamesakes(found), nil
}

func judgeNamesakes(found []string) []Finding {
	slices.Sort(found)
	var findings []Finding
	for _, name := range slices.Compact(found) {
		findings = append(findings, warning("CRD "+name, "another project's KafkaBackups are installed too: kubectl get kafkabackup may show those",
			"type kbak or "+backupsResource+"."+v1alpha1.GroupVersion.Group+" for Snapback's"))
	}
	return unless(findings, ok("", "no other project's KafkaBackups are installed"))
}
