// Package texts bounds what conditions and Events say: they, and people, have
// limits.
package texts

import "strings"

// MaxNamed is how many things a condition names.
const MaxNamed = 5

// FirstBytes are the first n bytes of a text, without a character that is cut.
func FirstBytes(text string, n int) string {
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}
