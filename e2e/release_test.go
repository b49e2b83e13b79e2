package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// krewPlugin is what krew reads of a manifest. Source: the plugin manifest
// page of krew's developer guide.
type krewPlugin struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string         `json:"version"`
		Homepage         string         `json:"homepage"`
		ShortDescription string         `json:"shortDescription"`
		Description      string         `json:"description"`
		Caveats          string         `json:"caveats"`
		Platforms        []krewPlatform `json:"platforms"`
	} `json:"spec"`
}

type krewPlatform struct {
	Selector metav1.LabelSelector `json:"selector"`
	URI      string               `json:"uri"`
	SHA256   string               `json:"sha256"`
	Bin      string               `json:"bin"`
}

// TestRelease builds the plugin's release for this machine's platform and
// installs from it as krew does: the platform's archive, its checksum, its
// program.
func TestRelease(t *testing.T) {
	t.Parallel()
	const version = "v1.2.3"
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "-C", "..", "release", "VERSION="+version, "RELEASE="+dir,
		"RELEASE_PLATFORMS="+runtime.GOOS+"/"+runtime.GOARCH)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make release: %v\n%s", err, output)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "snapback.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var plugin krewPlugin
	if err := yaml.UnmarshalStrict(manifest, &plugin); err != nil {
		t.Fatal(err)
	}
	if plugin.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || plugin.Kind != "Plugin" || plugin.Metadata.Name != "snapback" ||
		plugin.Spec.Version != version || plugin.Spec.ShortDescription == "" || len(plugin.Spec.ShortDescription) > 50 {
		t.Errorf("krew takes no such manifest:\n%s", manifest)
	}
	installed := 0
	for _, p := range plugin.Spec.Platforms {
		goos, arch := p.Selector.MatchLabels["os"], p.Selector.MatchLabels["arch"]
		archive := fmt.Sprintf("kubectl-snapback_%s_%s.tar.gz", goos, arch)
		if want := "https://github.com/snapback-dev/snapback/releases/download/" + version + "/" + archive; p.URI != want {
			t.Errorf("archive of %s/%s is at %s, want %s", goos, arch, p.URI, want)
		}
		if goos == runtime.GOOS && arch == runtime.GOARCH {
			installed++
			runArchived(t, filepath.Join(dir, archive), p, version)
		} else if p.SHA256 != "SHA256_"+goos+"_"+arch { // filled in when it is built
			t.Errorf("checksum of %s/%s: %s", goos, arch, p.SHA256)
		}
	}
	if installed != 1 {
		t.Errorf("%d platforms of the manifest are this machine's", installed)
	}
}

// runArchived unpacks an archive and asks the plugin in it for its version.
func runArchived(t *testing.T, archive string, p krewPlatform, version string) {
	t.Helper()
	content, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(content)); sum != p.SHA256 {
		t.Errorf("checksum of %s is %s, the manifest says %s", archive, sum, p.SHA256)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var names []string
	files := tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		file, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if err := os.WriteFile(filepath.Join(dir, path.Base(header.Name)), file, header.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(names, []string{"LICENSE", p.Bin}) {
		t.Errorf("archive has %q", names)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, p.Bin), "--version").CombinedOutput()
	if err != nil || !regexp.MustCompile(regexp.QuoteMeta(version)+`\n$`).Match(out) {
		t.Errorf("plugin of the archive: %v, %q", err, out)
	}
}
