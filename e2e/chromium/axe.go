package chromium

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// axe-core finds what people who cannot see, or use no mouse, stumble over. npm
// has it as an archive.
const (
	axeVersion = "4.14.1"
	axeSum     = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
	axeFile    = "package/axe.min.js"
)

// errNoNpm says that what fetches axe-core is not there.
var errNoNpm = errors.New("no npm is found, which fetches axe-core " + axeVersion + ": install it, on Debian with \"apt-get install npm\"")

// Violation is a rule of axe-core that a page breaks, and where.
type Violation struct {
	ID, Impact, Help, HelpURL string
	Nodes                     []struct{ HTML, FailureSummary string }
}

func (v Violation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s): %s, %s", v.ID, v.Impact, v.Help, v.HelpURL)
	for _, n := range v.Nodes {
		fmt.Fprintf(&text, "\n  %s\n    %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n    "))
	}
	return text.String()
}

// Axe returns the rules of axe-core that the page breaks. The script is put into
// the page past its content security policy, which allows no script but the page's own.
func (p *Page) Axe() ([]Violation, error) {
	script, err := axe(p.ctx)
	if err != nil {
		return nil, err
	}
	var found struct{ Violations []Violation }
	err = p.Run(
		chromedp.Evaluate(script, nil, chromedp.EvalIgnoreExceptions),
		chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]})`, &found, Awaited),
	)
	if err != nil {
		return nil, fmt.Errorf("run axe-core: %w", err)
	}
	return found.Violations, nil
}

// axe returns axe-core's script, out of the archive in the user's cache, where npm
// puts it the first time (1 MB).
func axe(ctx context.Context) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for axe-core, set XDG_CACHE_HOME: %w", err)
	}
	dir := filepath.Join(base, "snapback-e2e")
	file := filepath.Join(dir, "axe-core-"+axeVersion+".tgz")
	if _, err := os.Stat(file); err != nil {
		if err := fetchAxe(ctx, dir, file); err != nil {
			return "", err
		}
	}
	archive, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read axe-core: %w", err)
	}
	if sum := sha256.Sum256(archive); hex.EncodeToString(sum[:]) != axeSum {
		return "", fmt.Errorf("%s is not the axe-core %s that is expected, its sha256 is %x: delete it", file, axeVersion, sum)
	}
	return unpack(archive)
}

// fetchAxe lets npm put the archive into a folder, and renames it, so that no
// other process finds half of it.
func fetchAxe(ctx context.Context, dir, file string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errNoNpm
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for axe-core: %w", err)
	}
	part, err := os.MkdirTemp(dir, "axe-core-*")
	if err != nil {
		return fmt.Errorf("make a folder to fetch axe-core in: %w", err)
	}
	defer os.RemoveAll(part) //nolint:errcheck // empty after the rename
	cmd := exec.CommandContext(ctx, npm, "pack", "axe-core@"+axeVersion, "--pack-destination", part)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch axe-core %s through npm: %w\n%s", axeVersion, err, out)
	}
	if err := os.Rename(filepath.Join(part, filepath.Base(file)), file); err != nil {
		return fmt.Errorf("keep axe-core: %w", err)
	}
	return nil
}

// unpack returns the script in the archive.
func unpack(archive []byte) (string, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", fmt.Errorf("unpack axe-core: %w", err)
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("find %s of axe-core: %w", axeFile, err)
		}
		if header.Name != axeFile {
			continue
		}
		script, err := io.ReadAll(files)
		if err != nil {
			return "", fmt.Errorf("unpack axe-core: %w", err)
		}
		return string(script), nil
	}
}
