package history

import (
	"strings"
	"unicode"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

const (
	maxText = 1024 // bytes of the texts that may be long
	maxName = 253  // bytes of each other one: no object's name is longer
)

// limitTexts limits the length of an entry's texts, and takes out what moves the cursor of
// a terminal, or does more. The webhook is asked before the apiserver has looked whether a
// claim's name and labels are valid: they may be anything.
func limitTexts(e *v1alpha1.HistoryEntry) {
	for _, text := range []*string{&e.Actor, &e.Volume, &e.Message} {
		*text = limited(*text, maxText)
	}
	for _, name := range []*string{&e.Reason, &e.Namespace, &e.Cluster, &e.Claim, &e.ClaimUID, &e.Admission,
		&e.Snapshot, &e.SnapshotUID, &e.Run, &e.Backup} {
		*name = limited(*name, maxName)
	}
}

func limited(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, text[:min(len(text), n)])
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}
