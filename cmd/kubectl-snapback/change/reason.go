package change

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxReason is how many characters a reason may have that is typed on the page.
const MaxReason = 500

// NeedsReason reports whether the change has a reason, for people who find it later.
func (n Name) NeedsReason() bool { return n == Hold || n == Freeze }

// CheckReason returns what is wrong with a typed reason; nil: nothing.
func (a Asked) CheckReason() error {
	switch {
	case !a.Name.NeedsReason():
		return nil
	case strings.TrimSpace(a.Reason) == "":
		return Refusal("the reason must say why, for people who find it later; nothing was changed")
	case utf8.RuneCountInString(a.Reason) > MaxReason:
		return Refusal(fmt.Sprintf("the reason must have at most %d characters; nothing was changed", MaxReason))
	}
	return nil
}
