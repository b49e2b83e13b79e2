package snapshots

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// How much is read of what people write. Nobody means more, and what one tenant
// writes is kept and parsed by the process that answers all others' claims.
const (
	maxSpec   = 16 << 10 // bytes of a ConfigMap's spec, and of a volumeSelector
	maxStatus = 64 << 10 // of the status on a ConfigMap, several times what a full one takes
	maxKept   = 4 << 10  // of all annotations that are kept of a snapshot
	maxQuoted = 64       // of a control annotation's value, and of somebody's value in a text
	maxError  = 512      // of another's error, which may quote what it is about
	maxName   = 253      // of an object's name, as the apiserver has it
)

const ellipsis = "…"

// cut is the text, or its beginning and an ellipsis, in no more than n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len(ellipsis)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ellipsis
}

// Quotable is a value as it is quoted in texts, which people and statuses have
// to bear. One that is cut is still none that a control annotation takes, since
// it ends with an ellipsis: it does not become an annotation that is not there.
func Quotable(value string) string { return cut(value, maxQuoted) }

// FirstOf names the first of many things in a text: "a, b, and 3 more" with ", "
// between them. Conditions, Events and people have limits.
func FirstOf(all []string, most int, separator string) string {
	more := len(all) - most
	if more <= 0 {
		return strings.Join(all, separator)
	}
	return strings.Join(all[:most], separator) + separator + fmt.Sprintf("and %d more", more)
}

// told is an error with a text that is short enough to be told.
func told(err error) error { return errors.New(cut(err.Error(), maxError)) }

// anchor is where a YAML text names a node, to repeat it elsewhere: a few bytes
// can so make a large document.
var anchor = regexp.MustCompile(`(?:^|[\s,\[\]{}:?-])&[^\s&]`)

// Controls are those of the annotations that policies are made of. They hold
// their memory alone.
func Controls(annotations map[string]string) map[string]string {
	keys := make([]string, len(controls))
	for i, c := range controls {
		keys[i] = c.annotation
	}
	return kept(annotations, maxQuoted, keys...)
}

// Identifying are those of a claim's annotations by which dialects know it, and
// the promotion of its data. They hold their memory alone.
func Identifying(annotations map[string]string) map[string]string {
	keys := []string{v1alpha1.AnnotationPromote}
	for _, d := range dialects {
		keys = append(keys, d.annotations...)
	}
	return kept(annotations, maxKept, keys...)
}

// kept are those of the annotations that have one of the keys, with values of no
// more than n bytes; nil: none has.
func kept(annotations map[string]string, n int, keys ...string) map[string]string {
	some := pick(annotations, keys...)
	if len(some) == 0 {
		return nil
	}
	for key, value := range some {
		some[key] = intern(cut(value, n))
	}
	return some
}
