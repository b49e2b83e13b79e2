package snapshots

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Limits of the texts that people write. Nobody needs more, and the process that
// keeps and parses one tenant's texts also answers all other tenants' claims.
const (
	maxSpec   = 16 << 10 // bytes of a ConfigMap's spec, and of a volumeSelector
	maxStatus = 64 << 10 // of the status on a ConfigMap, several times the size of a full one
	maxKept   = 4 << 10  // of all annotations together that are kept of a snapshot
	maxQuoted = 64       // of a control annotation's value, and of a value that a text quotes
	maxError  = 512      // of an error of other code, which may quote its input
	maxName   = 253      // of an object's name, as in the apiserver
)

const ellipsis = "…"

// cut returns the text, or its beginning and an ellipsis, in at most n bytes.
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

// Quotable returns a value, cut to a length that fits into messages and statuses.
// A value that was cut stays invalid for every control annotation, because it
// ends with an ellipsis: cutting never makes a valid value of an invalid one.
func Quotable(value string) string { return cut(value, maxQuoted) }

// FirstOf returns the first of many things as text: "a, b, and 3 more" with the
// separator ", ". Conditions and Events have limits, and so do people.
func FirstOf(all []string, most int, separator string) string {
	more := len(all) - most
	if more <= 0 {
		return strings.Join(all, separator)
	}
	return strings.Join(all[:most], separator) + separator + fmt.Sprintf("and %d more", more)
}

// told returns an error whose text is cut to a length that messages can hold.
func told(err error) error { return errors.New(cut(err.Error(), maxError)) }

// anchor matches a YAML anchor, which names a node to repeat it elsewhere: with
// it a few bytes can make a large document.
var anchor = regexp.MustCompile(`(?:^|[\s,\[\]{}:?-])&[^\s&]`)

// Controls returns the control annotations, of which policies are made. The
// result shares no memory with the object that they come from.
func Controls(annotations map[string]string) map[string]string {
	keys := make([]string, len(controls))
	for i, c := range controls {
		keys[i] = c.annotation
	}
	return kept(annotations, maxQuoted, keys...)
}

// Identifying returns the annotations of a claim that dialects read, and the
// promotion of its data. The result shares no memory with the claim.
func Identifying(annotations map[string]string) map[string]string {
	keys := []string{v1alpha1.AnnotationPromote}
	for _, d := range dialects {
		keys = append(keys, d.annotations...)
	}
	return kept(annotations, maxKept, keys...)
}

// kept returns the annotations that have one of the keys, with values of at most
// n bytes; nil: none has.
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
