package snapshots

import "testing"

func TestMayBeUnderWay(t *testing.T) {
	for text, want := range map[string]bool{
		`rpc error: code = Aborted desc = an operation for snapshot-1 is in progress`: true,
		`rpc error: code = DeadlineExceeded desc = context deadline exceeded`:         true,
		`RequestLimitExceeded`: true,
		`rpc error: code = NotFound desc = there is no volume Aborted`: false,
		`no space`: false,
	} {
		if got := MayBeUnderWay(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestThrottled(t *testing.T) {
	const sidecar = `Failed to check and update snapshot content: failed to take snapshot of the volume vol-0a1b: "rpc error: code = Internal desc = `
	tests := map[string]bool{
		sidecar + `Could not create snapshot: RequestLimitExceeded: Request limit exceeded."`:                                     true,
		sidecar + `SnapshotCreationPerVolumeRateExceeded: The maximum per volume CreateSnapshot request rate has been exceeded."`: true,
		sidecar + `ConcurrentSnapshotLimitExceeded: Maximum allowed in-progress snapshots for a single volume exceeded."`:         true,
		sidecar + `PendingSnapshotLimitExceeded: too many"`:                                                                       true,
		sidecar + `ThrottlingException: Rate exceeded"`:                                                                           true,
		sidecar + `Client.Throttling"`:                                                               true,
		`googleapi: Error 403: Rate Limit Exceeded, rateLimitExceeded`:                               true,
		`googleapi: Error 429: Quota exceeded for quota metric 'Snapshot requests'`:                  true,
		`Operation rate exceeded for resource 'disk-1', reason: RESOURCE_OPERATION_RATE_EXCEEDED`:    true,
		`Retriable: true, RetryAfter: 30s, HTTPStatusCode: 429, RawError: TooManyRequests`:           true,
		`HTTP status 429 Too Many Requests`:                                                          true,
		`StatusCode=429 -- Original Error: Code="OperationNotAllowed"`:                               true,
		`rpc error: code = ResourceExhausted desc = max number of concurrent snapshots reached`:      true,
		`rpc error: code = ResourceExhausted desc = not enough space in pool to create the snapshot`: false,
		`SlowDown: Please reduce your request rate.`:                                                 true,
		``:                        false,
		`no space left on device`: false,
		`rpc error: code = NotFound desc = volume vol-429 not found`:              false,
		`rpc error: code = Internal desc = volume 429 of pool 1 is degraded`:      false,
		`rpc error: code = Internal desc = error reading 429-data`:                false,
		`error deleting volume 429 of pool 1`:                                     false,
		`error code 429.`:                                                         true,
		`cannot find CSI PersistentVolumeSource for volume pvc-4290a429-429`:      false,
		`rpc error: code = DeadlineExceeded desc = context deadline exceeded`:     false,
		`UnauthorizedOperation: You are not authorized to perform this operation`: false,
		`SnapshotLimitExceeded: the snapshot quota of the account is used up`:     false,
	}
	for text, want := range tests {
		if got := Throttled(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestNamesAreNoThrottling has tenants whose names look like throttling. They must not
// slow down the others of the class.
func TestNamesAreNoThrottling(t *testing.T) {
	s := Snapshot{Name: "throttled-0-slowdown-20260301", SourcePVC: "throttled-0", Class: "ratelimit"}
	for text, want := range map[string]bool{
		`Failed to create snapshot content with error cannot get claim from snapshot throttled-0-slowdown-20260301`: false,
		`the PVC throttled-0 is not yet bound to a PV`:                                                              false,
		`"slowdown/throttled-0": persistentvolumeclaim not found`:                                                   false,
		`snapshot class ratelimit not found`:                                                                        false,
		`failed to take snapshot of throttled-0: request throttled`:                                                 true,
		`snapshot kafka/throttled-0-slowdown-20260301: RateExceeded`:                                                true,
		`{"code":"RequestLimitExceeded","snapshot":"kafka/throttled-0"}`:                                            true,
	} {
		s.Failure = text
		if got := s.Throttled(); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if got := s.MayBeUnderWay(); got != want {
			t.Errorf("%q: the storage may be at it: %v, want %v", text, got, want)
		}
	}
	s = Snapshot{Name: "rate-0", SourcePVC: "rate", Failure: "rate exceeded"}
	if !s.Throttled() {
		t.Error("a name must not hide throttling")
	}
}
