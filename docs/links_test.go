package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const root = ".."

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	inline  = regexp.MustCompile("`[^`]*`")
	mention = regexp.MustCompile(`\bdocs/[A-Za-z/-]+\.md\b`)
)

// TestLinksResolve follows the relative links of all pages, to the file and to
// the heading.
func TestLinksResolve(t *testing.T) {
	for _, page := range files(t, ".md") {
		for _, found := range link.FindAllStringSubmatch(prose(t, page), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s: %v", page, found[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(t, file), anchor) {
				t.Errorf("%s links to %s: there is no such heading", page, found[1])
			}
		}
	}
}

// TestEveryPageIsInTheIndex finds pages that nobody would find. Runbooks are
// listed by monitoring.md.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index := prose(t, "README.md")
	for _, page := range files(t, ".md") {
		name, err := filepath.Rel(".", page)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "..") || strings.HasPrefix(name, "runbooks/") || name == "README.md" {
			continue
		}
		if !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

// TestMentionedPagesExist finds pages that messages, comments and manifests
// name and that are not there.
func TestMentionedPagesExist(t *testing.T) {
	for _, file := range files(t, ".go", ".yaml", ".txt", "Makefile") {
		for _, page := range mention.FindAllString(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(root, page)); err != nil {
				t.Errorf("%s names %s: %v", file, page, err)
			}
		}
	}
}

// files returns the repository's files whose names end so.
func files(t *testing.T, suffixes ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "bin", "_artifacts"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(path, s) }) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no files %q", suffixes)
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// prose returns a page without its blocks of commands and its code in lines.
func prose(t *testing.T, page string) string {
	t.Helper()
	var text strings.Builder
	fenced := false
	for line := range strings.Lines(read(t, page)) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if !fenced && !strings.HasPrefix(line, "    ") {
			text.WriteString(line)
		}
	}
	return inline.ReplaceAllString(text.String(), "")
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(read(t, page)) {
		heading := strings.TrimLeft(line, "#")
		if heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(heading)))
	}
	return all
}
