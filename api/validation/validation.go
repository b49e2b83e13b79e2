// Package validation checks the spec of a KafkaBackup against the schema of its
// CRD, with the apiserver's own code. It is for KafkaBackups in ConfigMaps, which
// the apiserver does not check.
package validation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/manifests/crd"
)

// Spec returns the error that the apiserver would give for a spec: a sorted line for
// each wrong field, such as "spec.schedule: must have 5 fields". It is safe for
// concurrent use.
func Spec(spec *v1alpha1.KafkaBackupSpec) error {
	v, err := compiled()
	if err != nil {
		return err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(spec)
	if err != nil {
		return fmt.Errorf("read the spec: %w", err)
	}
	return lines(v.validate(map[string]any{"spec": fields}))
}

// validator is the schema of the CRD, compiled.
type validator struct {
	structural *schema.Structural
	values     validation.SchemaValidator // types, lengths, ranges and required fields
	rules      *cel.Validator             // x-kubernetes-validations
}

// compiled returns the validator. It is compiled at the first call only, because
// that takes tens of milliseconds and most clusters have no such ConfigMaps.
var compiled = sync.OnceValues(func() (*validator, error) {
	v, err := compile(crd.KafkaBackups)
	if err != nil {
		return nil, fmt.Errorf("compile the schema of the CRD: %w", err)
	}
	return v, nil
})

func compile(manifest []byte) (*validator, error) {
	var served apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(manifest, &served); err != nil {
		return nil, err
	}
	var definition apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&served, &definition, nil); err != nil {
		return nil, err
	}
	of, err := apiextensions.GetSchemaForVersion(&definition, v1alpha1.GroupVersion.Version)
	if err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(of.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	values, _, err := validation.NewSchemaValidator(of.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	return &validator{structural: structural, values: values, rules: cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// validate returns all errors of an object. Unlike the apiserver, it checks the
// rules even if a length is already wrong, so that people see all their mistakes
// at once.
func (v *validator) validate(object map[string]any) field.ErrorList {
	found := validation.ValidateCustomResource(nil, object, v.values)
	broken, _ := v.rules.Validate(context.Background(), nil, v.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(found, broken...)
}

// lines returns the first error of each field, sorted by field. The order of maps
// does not matter, so that the same errors always give the same text.
func lines(found field.ErrorList) error {
	slices.SortStableFunc(found, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	found = slices.CompactFunc(found, func(a, b *field.Error) bool { return a.Field == b.Field })
	errs := make([]error, len(found))
	for i, e := range found {
		errs[i] = fmt.Errorf("%s: %s", e.Field, words(e))
	}
	return errors.Join(errs...)
}

// words returns the message of a field's error. It leaves out the field's value,
// which may be long, and the prefix of the apiserver: the field's name again, or how
// CEL failed.
func words(e *field.Error) string {
	if e.Detail == "" {
		return e.Type.String()
	}
	detail := strings.TrimPrefix(e.Detail, e.Field+" in body ")
	if _, message, failed := strings.Cut(detail, " evaluating rule: "); failed {
		return message
	}
	return detail
}
