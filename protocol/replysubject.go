package protocol

import "strings"

// MaxReplySubject bounds the subject on which a client waits, in bytes: the
// server drops the connection of whoever publishes to a longer one.
const MaxReplySubject = 512

// IsReplySubject reports whether an answer may be sent to a subject. Whoever asks
// chooses where the answer goes, and it goes there with the rights of whoever
// answers: never into a bucket, a stream or the server's own subjects.
func IsReplySubject(subject string) bool {
	if len(subject) > MaxReplySubject {
		return false
	}
	return !strings.HasPrefix(subject, "$") && !strings.HasPrefix(subject, "saga.")
}
