package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// annotation decodes an annotation for Artifact Hub, which is YAML.
func annotation(t *testing.T, c *chart.Chart, name string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(c.Metadata.Annotations["artifacthub.io/"+name]), into); err != nil {
		t.Errorf("artifacthub.io/%s: %v", name, err)
	}
}

// Artifact Hub is told of the CRD that the chart installs.
func TestChartListsTheCRD(t *testing.T) {
	content, err := os.ReadFile("../crd/snapback.dev_kafkabackups.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(content, &crd); err != nil {
		t.Fatal(err)
	}
	var listed []struct{ Kind, Version, Name, DisplayName, Description string }
	annotation(t, loadChart(t), "crds", &listed)
	var versions []string
	for _, entry := range listed {
		if entry.Kind != crd.Spec.Names.Kind || entry.Name != crd.Name || entry.DisplayName == "" || entry.Description == "" {
			t.Errorf("listed is %+v, the CRD is %s of kind %s", entry, crd.Name, crd.Spec.Names.Kind)
		}
		versions = append(versions, entry.Version)
	}
	var served []string
	for _, v := range crd.Spec.Versions {
		served = append(served, v.Name)
	}
	if !slices.Equal(versions, served) {
		t.Errorf("listed are versions %q, the CRD has %q", versions, served)
	}
}

// The example that Artifact Hub shows can be created as it is.
func TestChartExamplesCanBeCreated(t *testing.T) {
	var shown []map[string]any
	annotation(t, loadChart(t), "crdsExamples", &shown)
	if len(shown) == 0 {
		t.Error("no example is shown")
	}
	for _, example := range shown {
		u := &unstructured.Unstructured{Object: example}
		u.SetNamespace("default")
		if err := apiClient(t).Create(t.Context(), u, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
			t.Errorf("%v\n%v", err, example)
		}
	}
}

const changelog = `# Changelog

## [Unreleased]

### Added

- What is not released.

## [1.2.3] - 2026-02-21

### Added

- What isn't
  on one line: this.

### Security

- Another thing.

## [1.2.2] - 2026-02-20

### Removed

- What is older.
`

// released makes the chart of a release from the changelog above, unpacked.
func released(t *testing.T, version, image string) (*chart.Chart, error) {
	t.Helper()
	dir := t.TempDir()
	changes := filepath.Join(dir, "CHANGELOG.md")
	if err := os.WriteFile(changes, []byte(changelog), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "chart")
	cmd := exec.CommandContext(t.Context(), "make", "-C", "../..", "chart-release",
		"VERSION="+version, "IMAGE="+image, "CHART="+out, "CHANGELOG="+changes, "HELM=true")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%s", output)
		return nil, err
	}
	c, err := loader.LoadDir(filepath.Join(out, "snapback"))
	if err != nil {
		t.Fatal(err)
	}
	return c, nil
}

// The chart of a release has its version, installs its image, and tells what has
// changed.
func TestChartOfARelease(t *testing.T) {
	const repository, digest = "ghcr.io/snapback-dev/snapback", "sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	c, err := released(t, "v1.2.3", repository+"@"+digest)
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Metadata; m.Version != "1.2.3" || m.AppVersion != "v1.2.3" {
		t.Errorf("version %s, appVersion %s", m.Version, m.AppVersion)
	}
	files, err := render(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := files["snapback/templates/deployment.yaml"]; strings.Count(text, "image: "+repository+"@"+digest+"\n") != 2 {
		t.Errorf("the release's image is not both containers':\n%s", text)
	}
	var images []struct {
		Name, Image string
		Platforms   []string
	}
	annotation(t, c, "images", &images)
	if len(images) != 1 || images[0].Image != repository+"@"+digest {
		t.Errorf("images %v", images)
	}
	type change struct{ Kind, Description string }
	var changes []change
	annotation(t, c, "changes", &changes)
	if want := []change{{"added", "What isn't on one line: this."}, {"security", "Another thing."}}; !slices.Equal(changes, want) {
		t.Errorf("changes %v, want %v", changes, want)
	}
}

func TestNoReleaseWithoutAChangelog(t *testing.T) {
	if _, err := released(t, "v1.2.4", "snapback@sha256:0"); err == nil {
		t.Error("a version that the changelog does not have is packaged")
	}
}
