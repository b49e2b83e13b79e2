package change

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// suspendConfigMap changes the spec that a ConfigMap holds.
func (c Changer) suspendConfigMap(ctx context.Context, b inventory.Backup, suspend bool) error {
	write := func() error {
		var cm corev1.ConfigMap
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(b.KafkaBackup), &cm); err != nil {
			return fmt.Errorf("read configmap %s/%s: %w", b.Namespace, b.Name, err)
		}
		spec, err := withSuspend(cm.Data["spec"], suspend)
		if err != nil {
			return fmt.Errorf("configmap %s/%s: data.spec: %w", b.Namespace, b.Name, err)
		}
		return c.Merge(ctx, Object(b), map[string]any{
			"metadata": map[string]any{"resourceVersion": cm.ResourceVersion}, "data": map[string]any{"spec": spec}})
	}
	if c.asRead { // another version would be refused again and again
		return write()
	}
	return retry.RetryOnConflict(retry.DefaultRetry, write) // the scheduler writes the status to it
}

// withSuspend returns the YAML of a spec with only this field changed.
func withSuspend(spec string, suspend bool) (string, error) {
	node, err := yaml.Parse(spec)
	if err != nil {
		return "", fmt.Errorf("is no YAML: %w", err)
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagBool, Value: strconv.FormatBool(suspend)}
	if field := node.Field("suspend"); !field.IsNilOrEmpty() {
		value.LineComment = field.Value.YNode().LineComment
		field.Value.SetYNode(value)
	} else if err := node.PipeE(yaml.SetField("suspend", yaml.NewRNode(value))); err != nil {
		return "", fmt.Errorf("set suspend: %w", err)
	}
	return node.String()
}
