package v1alpha1_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the tables of docs/kafkabackup.md")

const (
	definition = "../../manifests/crd/snapback.dev_kafkabackups.yaml"
	reference  = "../../docs/kafkabackup.md"
)

// schema is the part of a field's OpenAPI schema that the page shows.
type schema struct {
	Type        string
	Description string
	Default     any
	Minimum     *float64
	Maximum     *float64
	MaxLength   *int64
	Items       *schema
	Properties  map[string]schema
	Required    []string
	Atomic      string   `json:"x-kubernetes-map-type"`
	MapKeys     []string `json:"x-kubernetes-list-map-keys"`
}

// TestReference checks the tables of docs/kafkabackup.md against the CRD. "make
// generate" writes them.
func TestReference(t *testing.T) {
	fields := readDefinition(t)
	content, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	has, want := string(content), string(content)
	for _, part := range []string{"spec", "status"} {
		want = replacePart(t, want, part, table(fields[part]))
	}
	if *update {
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		has = want
	}
	if has != want {
		t.Error("docs/kafkabackup.md is not what the CRD says: run make generate")
	}
}

// readDefinition returns the schemas of the top fields of the CRD.
func readDefinition(t *testing.T) map[string]schema {
	t.Helper()
	content, err := os.ReadFile(definition)
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	if err := yaml.Unmarshal(content, &crd); err != nil {
		t.Fatal(err)
	}
	if n := len(crd.Spec.Versions); n != 1 {
		t.Fatalf("the CRD has %d versions, the page is written for 1", n)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties
}

// replacePart returns the page with the text between two marks replaced.
func replacePart(t *testing.T, page, part, text string) string {
	t.Helper()
	begin, end := fmt.Sprintf("<!-- %s: written by make generate -->\n", part), fmt.Sprintf("<!-- end of %s -->\n", part)
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no lines %q and %q", reference, begin, end)
	}
	return before + begin + text + end + after
}

// table returns a row for each field, those that must be set first.
func table(of schema) string {
	var rows strings.Builder
	rows.WriteString("\n| field | type | meaning |\n| --- | --- | --- |\n")
	writeRows(&rows, "", of)
	return rows.String() + "\n"
}

func writeRows(rows *strings.Builder, prefix string, of schema) {
	optional := slices.DeleteFunc(slices.Sorted(maps.Keys(of.Properties)), func(name string) bool { return slices.Contains(of.Required, name) })
	for _, name := range slices.Concat(slices.Sorted(slices.Values(of.Required)), optional) {
		field := of.Properties[name]
		fmt.Fprintf(rows, "| `%s%s` | %s | %s%s |\n", prefix, name, typeOf(field), escape(field.Description), limits(field))
		switch {
		case kubernetesType(field) != "":
		case field.Items != nil:
			writeRows(rows, prefix+name+"[].", *field.Items)
		default:
			writeRows(rows, prefix+name+".", field)
		}
	}
}

// kubernetesType returns the name of a type whose fields Kubernetes explains.
func kubernetesType(field schema) string {
	switch {
	case field.Atomic == "atomic":
		return "LabelSelector"
	case slices.Equal(field.MapKeys, []string{"type"}):
		return "Condition"
	}
	return ""
}

func typeOf(field schema) string {
	if field.Type == "array" {
		return "list of " + cmp.Or(kubernetesType(field), field.Items.Type)
	}
	return cmp.Or(kubernetesType(field), field.Type)
}

// limits returns the default of a field and the limits of its value, in brackets.
func limits(field schema) string {
	var all []string
	if field.Default != nil {
		all = append(all, fmt.Sprintf("default %v", field.Default))
	}
	if field.Minimum != nil {
		all = append(all, fmt.Sprintf("at least %.0f", *field.Minimum))
	}
	if field.Maximum != nil {
		all = append(all, fmt.Sprintf("at most %.0f", *field.Maximum))
	}
	if field.MaxLength != nil {
		all = append(all, fmt.Sprintf("at most %d characters", *field.MaxLength))
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// escape returns a text as one cell of a table: Markdown would take <duration>
// for HTML.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(strings.Join(strings.Fields(text), " "))
}
