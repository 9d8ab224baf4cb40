package gateway

import (
	"strconv"
	"strings"
	"time"

	"amends/protocol"

	"github.com/danielgtaylor/huma/v2"
)

// number is a whole number in a query or a path. It is a text to huma, and an
// integer in the document.
type number string

// Schema says so.
func (number) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeInteger} }

// value reads the number in its one spelling; absent is 0.
func (n number) value(field string) (int64, error) {
	if n == "" {
		return 0, nil
	}
	v, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil || strconv.FormatInt(v, 10) != string(n) {
		return 0, problem(protocol.CodeInvalidField, field, "must be a whole number")
	}
	return v, nil
}

const maxWait = protocol.MaxWaitMS * time.Millisecond

// waitOf reads how long the client wants to wait: ?wait= or, without it, what the
// body says. Over HTTP nobody waits unless asked to.
func waitOf(query string, body *int64) (time.Duration, error) {
	if query == "" {
		if body == nil {
			return 0, nil
		}
		return time.Duration(*body) * time.Millisecond, nil
	}
	wait, err := time.ParseDuration(query)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, problem(protocol.CodeInvalidField, "wait", "must be a time such as 5s or 500ms, of 60s at the most")
	}
	return wait, nil
}

func milliseconds(wait time.Duration) *int64 {
	ms := wait.Milliseconds()
	return &ms
}

// etag is the revision of a saga as an entity tag.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// matches reports whether a list of entity tags, as If-Match and If-None-Match
// have it, names tag; * alone names any. weak says that W/"1" is as good as "1"
// (RFC 9110, 8.8.3.2).
func matches(list, tag string, weak bool) bool {
	if list == "*" {
		return true
	}
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if weak {
			one = strings.TrimPrefix(one, "W/")
		}
		if one == tag {
			return true
		}
	}
	return false
}
