package protocol

import "strings"

// IsReplySubject reports whether an answer may be sent to a subject. Whoever asks
// chooses where the answer goes, and it goes there with the rights of whoever
// answers: never into a bucket, a stream or the server's own subjects.
func IsReplySubject(subject string) bool {
	if len(subject) > MaxReplySubject {
		return false
	}
	for _, stored := range [...]string{"$", "saga.", "timer.", "order."} {
		if strings.HasPrefix(subject, stored) {
			return false
		}
	}
	return true
}
