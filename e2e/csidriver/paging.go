package main

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const tokenPrefix = "after:"

// page cuts one page out of all records, which are sorted by key. A token
// names the last key already seen, so that it stays good while records come
// and go. A limit of 0 means all.
func page[R record](all []R, token string, limit int32) (records []R, next string, err error) {
	if limit < 0 {
		return nil, "", status.Errorf(codes.InvalidArgument, "max_entries %d is negative", limit)
	}
	if token != "" {
		last, ok := strings.CutPrefix(token, tokenPrefix)
		if !ok {
			return nil, "", status.Errorf(codes.Aborted, "starting_token %q is not one of this driver", token)
		}
		for len(all) > 0 && all[0].key() <= last {
			all = all[1:]
		}
	}
	if limit > 0 && len(all) > int(limit) {
		all = all[:limit]
		next = tokenPrefix + all[limit-1].key()
	}
	return all, next, nil
}
