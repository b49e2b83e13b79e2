package docs_test

import (
	"path/filepath"
	"regexp"
	"testing"
)

// plainKind is a command that names KafkaBackups in a way that another project's may
// answer to.
var plainKind = regexp.MustCompile(`kubectl (?:-n \S+ )?[a-z]+ kafkabackups?(?:[^s.a-z]|\.spec|$)`)

// TestTextsNameOurKind looks through all texts that people copy commands from.
func TestTextsNameOurKind(t *testing.T) {
	for _, file := range files(t, ".md", ".go", ".yaml", ".txt") {
		if filepath.Base(file) == "namesakes.go" { // warns of the plain name
			continue
		}
		for _, found := range plainKind.FindAllString(read(t, file), -1) {
			t.Errorf("%s says %q: another project's kind has that name too, write kbak", file, found)
		}
	}
}
