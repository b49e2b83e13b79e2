package kind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	snapbackImage = "registry.example.com/snapback:v1" // as the README calls it
	upgradeImage  = "registry.example.com/snapback:v2" // the same under another tag
	testImage     = "snapback-e2e:dev"                 // the storage's programs and cert-manager's
)

var images = []string{snapbackImage, upgradeImage, testImage}

// buildImages builds all images, out of this repository and Go modules alone.
// The test image's files are put into dir.
func buildImages(ctx context.Context, dir string) error {
	with, _, err := readInstallations()
	if err != nil {
		return err
	}
	if _, err := command(ctx, "sh", "-c", with.image); err != nil {
		return err
	}
	if _, err := command(ctx, "docker", "tag", snapbackImage, upgradeImage); err != nil {
		return err
	}
	if err := collectPrograms(ctx, dir); err != nil {
		return err
	}
	dockerfile := []byte("FROM scratch\nCOPY . /\n")
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), dockerfile, 0o644); err != nil {
		return fmt.Errorf("write the test image's Dockerfile: %w", err)
	}
	_, err = command(ctx, "docker", "build", "-t", testImage, dir)
	return err
}

// collectPrograms puts the programs of the test image into dir.
func collectPrograms(ctx context.Context, dir string) error {
	if err := cluster.BuildComponents(ctx, os.Stderr); err != nil {
		return err
	}
	components, err := cluster.Components()
	if err != nil {
		return err
	}
	var programs []string
	for _, name := range []string{"csi-provisioner", "csi-snapshotter", "snapshot-controller"} {
		programs = append(programs, filepath.Join(components, name))
	}
	for name, at := range map[string][2]string{
		"csi-driver": {"e2e/csidriver", "."},
		"silent":     {".", "./e2e/cmd/silent"},
	} {
		program, err := cluster.Build(ctx, at[0], at[1], name)
		if err != nil {
			return err
		}
		programs = append(programs, program)
	}
	certManager, err := cluster.BuildCertManager(ctx)
	if err != nil {
		return err
	}
	programs = append(programs, certManager)
	for _, program := range programs {
		content, err := os.ReadFile(program)
		if err != nil {
			return fmt.Errorf("read a program of the test image: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(program)), content, 0o755); err != nil {
			return fmt.Errorf("put a program into the test image: %w", err)
		}
	}
	return nil
}

// removeImages takes the images from the engine; the cluster has its own.
func removeImages() error {
	var errs []error
	for _, image := range images {
		_, err := command(context.Background(), "docker", "rmi", "--force", image)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
