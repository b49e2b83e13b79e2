package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
)

const explainLong = `Ask the webhook what a PVC would get if it were created now, and say why each snapshot of its volume is
passed over. The webhook is asked by a server-side dry run of the creation, so the answer is its own, word
for word: restored from which VolumeSnapshot, starts empty and why, or refused and what to do. Nothing is
created or changed, and no Event or metric records it. You need the right to create PVCs.

A PVC that exists is asked about as if it were lost and created again. Where the operator lets the apiserver
name its PVCs (Koperator), the webhook refuses a second one while the first exists: then the output also has
what is computed for the PVC as if it were lost.

Which snapshots are passed over, and why, is computed from what you may read.`

const explainExample = `  # What would this PVC get, if it were lost now?
  kubectl snapback explain data-0-my-cluster-broker-2

  # And one that is not there yet, or not any more?
  kubectl snapback explain -f pvc.yaml

  # And all of a broker's?
  kubectl get pvc -l brokerId=2 -o yaml | kubectl snapback explain -f -`

type explainOptions struct {
	*options
	file string
}

func explainCommand(o *options) *cobra.Command {
	e := &explainOptions{options: o}
	cmd := &cobra.Command{
		Use:               "explain (PVC | -f FILE)",
		Short:             "What the webhook would decide for a PVC now, and why each snapshot is passed over",
		Long:              explainLong,
		Example:           explainExample,
		GroupID:           groupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeOne(claimNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args) },
	}
	cmd.Flags().StringVarP(&e.file, "filename", "f", "", "A file with one or more PVCs to ask about; -: standard input")
	return cmd
}

func (e *explainOptions) run(ctx context.Context, args []string) error {
	if (e.file == "") == (len(args) == 0) {
		return errors.New("name a PVC, or a file of PVCs with -f")
	}
	s, err := e.connect(rehearsal.Warnings{Out: io.Discard})
	if err != nil {
		return err
	}
	if e.file == "" {
		return e.existing(ctx, s, args[0])
	}
	claims, err := e.read(s.namespace)
	if err != nil {
		return err
	}
	for n, pvc := range claims {
		if n > 0 {
			fmt.Fprintln(e.Out)
		}
		if err := e.explain(ctx, s, pvc); err != nil {
			return err
		}
	}
	return nil
}

// existing explains the claim of this name, or its volume if the claim is gone.
func (e *explainOptions) existing(ctx context.Context, s *session, name string) error {
	var pvc corev1.PersistentVolumeClaim
	err := s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, &pvc)
	if err == nil {
		return e.explain(ctx, s, &pvc)
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("read claim %s/%s: %w", s.namespace, name, err)
	}
	inv, err := inventory.Load(ctx, s, s.namespace)
	if err != nil {
		return err
	}
	v, lost := inv.LostClaim(name)
	if !lost {
		return fmt.Errorf("namespace %s has no claim %s, and no snapshot of one: to ask about a claim that is to be created, give its manifest with -f", s.namespace, name)
	}
	e.warn(inv.Notes)
	x := rehearsal.Explained{Volume: v, Name: name}
	now := e.now()
	x.Decision, x.Considered = inv.Explain(v, now)
	return printExplained(e.Out, x, now)
}

// explain explains a claim that exists or comes from a file.
func (e *explainOptions) explain(ctx context.Context, s *session, pvc *corev1.PersistentVolumeClaim) error {
	inv, err := inventory.Load(ctx, s, pvc.Namespace)
	if err != nil {
		return err
	}
	v, known, err := inv.VolumeOf(ctx, s, pvc)
	if err != nil {
		return err
	}
	if !known {
		return printNoVolume(e.Out, pvc)
	}
	again := rehearsal.Again(inv, v, pvc)
	v.Claims = []*corev1.PersistentVolumeClaim{again}
	x := rehearsal.Explained{Volume: v, Name: cmp.Or(pvc.Name, pvc.GenerateName+"*"), Claim: again, Lives: pvc.UID != ""}
	now := e.now()
	x.Answer = rehearsal.Ask(ctx, s, again)
	if err := x.Answer.Untold(pvc); err != nil {
		return err
	}
	x.Decision, x.Considered = inv.Explain(v, now)
	e.warn(inv.Notes)
	return printExplained(e.Out, x, now)
}

// read returns the claims in the file. Claims without a namespace get the given
// one.
func (e *explainOptions) read(namespace string) ([]*corev1.PersistentVolumeClaim, error) {
	in := e.In
	if e.file != "-" {
		f, err := os.Open(e.file)
		if err != nil {
			return nil, fmt.Errorf("read the claims: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	var claims []*corev1.PersistentVolumeClaim
	const lookahead = 4096
	for decoder := yaml.NewYAMLOrJSONDecoder(in, lookahead); ; {
		object := &unstructured.Unstructured{}
		switch err := decoder.Decode(&object.Object); {
		case errors.Is(err, io.EOF) && len(claims) == 0:
			return nil, fmt.Errorf("%s has no PersistentVolumeClaim", e.file)
		case errors.Is(err, io.EOF):
			return claims, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", e.file, err)
		case len(object.Object) == 0: // nothing between two lines of ---
			continue
		}
		some, err := claimsOf(object, namespace)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", e.file, err)
		}
		claims = append(claims, some...)
	}
}

// claimsOf returns the claims in a document: one, or a List of them.
func claimsOf(object *unstructured.Unstructured, namespace string) ([]*corev1.PersistentVolumeClaim, error) {
	if object.IsList() {
		var all []*corev1.PersistentVolumeClaim
		err := object.EachListItem(func(o runtime.Object) error {
			item, ok := o.(*unstructured.Unstructured)
			if !ok {
				return fmt.Errorf("a List holds a %T", o)
			}
			some, err := claimsOf(item, namespace)
			all = append(all, some...)
			return err
		})
		return all, err
	}
	if kind := object.GetKind(); kind != "PersistentVolumeClaim" {
		return nil, fmt.Errorf("%q is a %q and no PersistentVolumeClaim", object.GetName(), kind)
	}
	pvc := &corev1.PersistentVolumeClaim{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, pvc, true); err != nil {
		return nil, fmt.Errorf("claim %q: %w", object.GetName(), err)
	}
	if pvc.Namespace == "" {
		pvc.Namespace = namespace
	}
	return []*corev1.PersistentVolumeClaim{pvc}, nil
}
