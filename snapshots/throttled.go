package snapshots

import (
	"regexp"
	"strings"
)

// throttling are parts of the errors by which storage systems say that too much was
// asked of them at once. They are compared without regard to case.
var throttling = []string{
	"throttl", // Throttling, ThrottlingException, RequestThrottled
	"requestlimitexceeded",
	"rateexceeded", // SnapshotCreationPerVolumeRateExceeded
	"rate exceeded",
	"rate has been exceeded",
	"rate limit",
	"ratelimit", // rateLimitExceeded, userRateLimitExceeded
	"rate_exceeded",
	"rate_limit",
	"concurrentsnapshotlimitexceeded",
	"pendingsnapshotlimitexceeded",
	"concurrentlimitexceeded",
	"toomanyrequests",
	"too many requests",
	"too many concurrent",
	"slowdown",
}

// tooMany is the HTTP status 429, and not a part of a number, an address, a name or an
// id.
var tooMany = regexp.MustCompile(`(?i)\b(status|statuscode|code|http|error)( status| code|/[0-9.]+)*[:= ]+"?429([^\w-]|$)`)

// pending are the gRPC codes after which the storage may still be at it: the CSI
// sidecar takes no other step until it has another answer.
var pending = regexp.MustCompile(`code = (Aborted|Canceled|DeadlineExceeded|ResourceExhausted|Unavailable)\b`)

// MayBeUnderWay reports whether the storage may be taking a snapshot in spite of the
// driver's error, or put it off only: it timed out, another call for it is under
// way, or it was throttled.
func MayBeUnderWay(failure string) bool { return pending.MatchString(failure) || Throttled(failure) }

// Throttled reports whether the error of a driver says that too much was asked of
// the storage at once. Trying again later helps then, and asking for less.
func Throttled(failure string) bool {
	text := strings.ToLower(failure)
	for _, part := range throttling {
		if strings.Contains(text, part) {
			return true
		}
	}
	if strings.Contains(text, "resourceexhausted") || strings.Contains(text, "resource_exhausted") {
		return !strings.Contains(text, "space") // CSI has this code for a full pool, too
	}
	return tooMany.MatchString(failure)
}

// Throttled reports whether the driver's error of the snapshot says that too much was
// asked of the storage at once. The names in it are the KafkaBackup's author's choice,
// and say nothing.
func (s *Snapshot) Throttled() bool { return Throttled(s.Failure) && Throttled(s.unnamed()) }

// MayBeUnderWay reports whether the storage may be taking the snapshot in spite of the
// driver's error, see [MayBeUnderWay].
func (s *Snapshot) MayBeUnderWay() bool {
	return MayBeUnderWay(s.Failure) && MayBeUnderWay(s.unnamed())
}

// unnamed returns the driver's error without names that look like throttling, and
// without the keys of the snapshot and its claim, whose namespace has a name as well.
func (s *Snapshot) unnamed() string {
	text := s.Failure
	for _, name := range []string{s.Name, s.SourcePVC, s.Class} {
		if name == "" {
			continue
		}
		text = regexp.MustCompile(`[a-z0-9-]+/`+regexp.QuoteMeta(name)).ReplaceAllString(text, "")
		if Throttled(name) {
			text = strings.ReplaceAll(text, name, "")
		}
	}
	return text
}
