package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// certManager is the module of a program that is cert-manager, for tests that
// run it beside a cluster. The first build takes minutes.
const certManager = "e2e/certmanager"

// BuildCertManager builds cert-manager and returns its path.
func BuildCertManager(ctx context.Context) (string, error) {
	return Build(ctx, certManager, ".", "cert-manager")
}

// CertManagerChart is the folder of cert-manager's own chart, whose images are
// in registries only.
func CertManagerChart(ctx context.Context) (string, error) {
	dir, err := certManagerModule(ctx)
	return filepath.Join(dir, "deploy", "charts", "cert-manager"), err
}

// CertManagerCRDs are the CRDs of cert-manager, less ACME's.
func CertManagerCRDs(ctx context.Context) ([]unstructured.Unstructured, error) {
	dir, err := certManagerModule(ctx)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "deploy", "crds", "cert-manager.io_*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("find cert-manager's CRDs in %s: none there", dir)
	}
	return readObjects(files)
}

// certManagerModule is the folder of cert-manager's source.
func certManagerModule(ctx context.Context) (string, error) {
	out, err := goCommand(ctx, certManager, "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		return "", fmt.Errorf("find cert-manager's source: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// readObjects reads files of one object each.
func readObjects(files []string) ([]unstructured.Unstructured, error) {
	objects := make([]unstructured.Unstructured, len(files))
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read an object: %w", err)
		}
		if err := yaml.Unmarshal(content, &objects[i].Object); err != nil {
			return nil, fmt.Errorf("decode %s: %w", file, err)
		}
	}
	return objects, nil
}
