package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func checkKubernetes(_ context.Context, e *examination) ([]Finding, error) {
	served, err := e.discovery.ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("ask for the version of the apiserver: %w", err)
	}
	return []Finding{judgeKubernetes(served.GitVersion)}, nil
}

// judgeKubernetes requires 1.30, the first version with matchConditions of
// webhooks.
func judgeKubernetes(served string) Finding {
	v, err := version.ParseGeneric(served)
	switch {
	case err != nil:
		return skipped("", "the apiserver's version %q cannot be parsed", served)
	case v.LessThan(version.MustParseGeneric("1.30")):
		return problem("", "Kubernetes is "+served+": Snapback needs 1.30 or newer, for the matchConditions of its webhook", "upgrade Kubernetes")
	}
	return ok("", "Kubernetes is %s", served)
}

// kinds are the kinds that Snapback needs.
var kinds = []schema.GroupVersionKind{
	v1alpha1.GroupVersion.WithKind("KafkaBackup"),
	snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot"),
	snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshotContent"),
	snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshotClass"),
}

func checkKinds(_ context.Context, e *examination) ([]Finding, error) {
	served := map[schema.GroupVersionKind]bool{}
	for _, kind := range kinds {
		_, err := e.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("ask for kind %s: %w", kind.Kind, err)
		}
		served[kind] = err == nil
	}
	return judgeKinds(served), nil
}

func judgeKinds(served map[schema.GroupVersionKind]bool) []Finding {
	var findings []Finding
	for _, kind := range kinds {
		subject := kind.Kind + "." + kind.GroupVersion().String()
		do := "install the CRDs of the CSI external-snapshotter and its snapshot-controller; clouds have an add-on for both"
		if kind.Group == v1alpha1.GroupVersion.Group {
			do = "install Snapback: kubectl apply -k manifests/default, or helm install"
		}
		if served[kind] {
			findings = append(findings, ok(subject, "served"))
			continue
		}
		findings = append(findings, problem(subject, "this cluster does not know it", do))
	}
	return findings
}

func checkSchema(ctx context.Context, e *examination) ([]Finding, error) {
	path := "/openapi/v3/apis/" + v1alpha1.GroupVersion.String()
	document, err := e.discovery.RESTClient().Get().AbsPath(path).Do(ctx).Raw()
	if apierrors.IsNotFound(err) {
		return []Finding{skipped("", "this cluster does not know KafkaBackups")}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the schema of KafkaBackups: %w", err)
	}
	served, err := servedFields(document)
	if err != nil {
		return nil, err
	}
	return []Finding{judgeSchema(knownFields(), served)}, nil
}

// judgeSchema compares the fields of a KafkaBackup that this plugin knows with
// those in the cluster's CRD.
func judgeSchema(known, served []string) Finding {
	const subject = "CRD kafkabackups.snapback.dev"
	without := func(all, some []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(f string) bool { return slices.Contains(some, f) })
	}
	if older := without(known, served); len(older) > 0 {
		return problem(subject, "it is older than this plugin: it lacks "+several(older)+", which the apiserver drops silently",
			"upgrade Snapback; helm upgrade and kubectl apply -k upgrade its CRD too")
	}
	if newer := without(served, known); len(newer) > 0 {
		return warning(subject, "it is newer than this plugin, which does not know "+several(newer), "upgrade the plugin")
	}
	return ok(subject, "its fields are those that this plugin knows")
}

// knownFields returns the fields of spec and status that this plugin knows.
func knownFields() []string {
	var all []string
	for part, t := range map[string]reflect.Type{
		"spec": reflect.TypeFor[v1alpha1.KafkaBackupSpec](), "status": reflect.TypeFor[v1alpha1.KafkaBackupStatus](),
	} {
		for n := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(n).Tag.Get("json"), ",")
			all = append(all, part+"."+name)
		}
	}
	slices.Sort(all)
	return all
}

// servedFields returns the fields of spec and status in an OpenAPI v3 document.
func servedFields(document []byte) ([]string, error) {
	type properties struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var read struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]properties     `json:"properties"`
				Kinds      []schema.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &read); err != nil {
		return nil, fmt.Errorf("read the schema of KafkaBackups: %w", err)
	}
	var all []string
	for _, s := range read.Components.Schemas {
		if !slices.Contains(s.Kinds, v1alpha1.GroupVersion.WithKind("KafkaBackup")) {
			continue
		}
		for _, part := range []string{"spec", "status"} {
			for name := range maps.Keys(s.Properties[part].Properties) {
				all = append(all, part+"."+name)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}
