package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The KafkaBackups and ConfigMaps that the docs and the chart's notes show can
// be created as they are.
func TestExamplesCanBeCreated(t *testing.T) {
	c := apiClient(t)
	files := []string{"../../README.md", "../helm/templates/NOTES.txt"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/operators/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	shown := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range examples(string(content)) {
			u := &unstructured.Unstructured{Object: decode(t, example)}
			if u.GetKind() != "KafkaBackup" && u.GetKind() != "ConfigMap" {
				continue
			}
			u.SetNamespace("default")
			if err := c.Create(t.Context(), u, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
				t.Errorf("%s: %v\n%s", file, err, example)
			}
			shown++
		}
	}
	if shown < 5 {
		t.Errorf("only %d examples were found", shown)
	}
}

// examples are the indented blocks that begin with an apiVersion.
func examples(text string) []string {
	const indent = "    "
	var all []string
	var block strings.Builder
	for line := range strings.Lines(text + "\n") {
		inner, indented := strings.CutPrefix(line, indent)
		if indented && inner != "EOF\n" && (block.Len() > 0 || strings.HasPrefix(inner, "apiVersion: ")) {
			block.WriteString(inner)
			continue
		}
		if block.Len() > 0 {
			all = append(all, block.String())
			block.Reset()
		}
	}
	return all
}
