// Package texts limits the length of conditions and Events. The apiserver has
// limits for them, and long texts are hard to read.
package texts

import "strings"

// MaxNamed is how many objects a condition names at most.
const MaxNamed = 5

// FirstBytes returns the first n bytes of a text, without a character that the
// limit would split.
func FirstBytes(text string, n int) string {
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}
