package tests

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	namespace  = "snapback-system"
	repository = "registry.example.com/snapback"
)

// object is what an apiserver would get, as decoded JSON.
type object map[string]any

// key tells objects apart: kind, namespace, name.
func (o object) key() string {
	u := unstructured.Unstructured{Object: o}
	return fmt.Sprintf("%s %s/%s", u.GetKind(), u.GetNamespace(), u.GetName())
}

func decode(t *testing.T, text string) object {
	t.Helper()
	var o object
	if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return o
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir("../helm")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// template renders the chart; values are YAML.
func template(t *testing.T, values string) (map[string]string, error) {
	t.Helper()
	var overrides map[string]any
	if err := yaml.UnmarshalStrict([]byte(values), &overrides); err != nil {
		t.Fatal(err)
	}
	return render(loadChart(t), overrides)
}

// render returns the files of a chart, all but its notes.
func render(c *chart.Chart, overrides map[string]any) (map[string]string, error) {
	options := common.ReleaseOptions{Name: "snapback", Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(c, overrides, options, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	delete(files, "snapback/templates/NOTES.txt")
	return files, nil
}

// manifests are the chart's objects in the order of a list of kinds, and its
// hooks, which are the tests.
func manifests(t *testing.T, values string, order releaseutil.KindSortOrder) ([]object, []object) {
	t.Helper()
	files, err := template(t, "image: {repository: "+repository+"}\n"+values)
	if err != nil {
		t.Fatal(err)
	}
	hooks, sorted, err := releaseutil.SortManifests(files, nil, order)
	if err != nil {
		t.Fatal(err)
	}
	var objects, tests []object
	for _, m := range sorted {
		objects = append(objects, decode(t, m.Content))
	}
	for _, h := range hooks {
		if !slices.Equal(h.Events, []release.HookEvent{release.HookTest}) {
			t.Errorf("%s is a hook of %v", h.Path, h.Events)
		}
		tests = append(tests, decode(t, h.Manifest))
	}
	return objects, tests
}

// kustomize renders manifests/base with components and an image.
func kustomize(t *testing.T, components []string) []object {
	t.Helper()
	dir := t.TempDir()
	relative := func(path string) string {
		t.Helper()
		to, err := filepath.Abs(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		if to, err = filepath.Rel(dir, to); err != nil {
			t.Fatal(err)
		}
		return to
	}
	text := "resources: [" + relative("base") + "]\ncomponents:\n"
	for _, c := range components {
		text += "- " + relative("components/"+c) + "\n"
	}
	text += "images: [{name: snapback, newName: " + repository + "}]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var objects []object
	for _, r := range rendered.Resources() {
		objects = append(objects, decode(t, r.MustYaml()))
	}
	return objects
}

// find returns the one object of a kind and name.
func find(t *testing.T, objects []object, kind, name string) object {
	t.Helper()
	for _, o := range objects {
		if strings.HasPrefix(o.key(), kind+" ") && strings.HasSuffix(o.key(), "/"+name) {
			return o
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

// without removes keys from the map at a path; empty maps go too.
func without(o object, key func(string) bool, path ...string) {
	at, found, err := unstructured.NestedMap(o, path...)
	if !found || err != nil {
		return
	}
	maps.DeleteFunc(at, func(k string, _ any) bool { return key(k) })
	if len(at) == 0 {
		unstructured.RemoveNestedField(o, path...)
		return
	}
	_ = unstructured.SetNestedMap(o, at, path...) // it was one before
}
