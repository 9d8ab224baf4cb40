package worker

import "time"

// Picture is what a participant keeps in memory of its whole bucket, such as
// how much of each SKU is reserved. The book draws it from the bucket's own log,
// lets it take part in every decision, and never calls two of its methods at
// once.
type Picture[E any] interface {
	// Clear forgets everything: the picture is drawn anew.
	Clear()
	// Effect says what is stored as the business row of a step (its
	// <saga_id>.<step>); nil if there is none.
	Effect(step string, effect *E)
	// Digest is all that Effect needs to know of a business row, in one line, and
	// Digested is Effect for such a line. It stands beside the row and is read in
	// place of it. An error of Digested means that the row itself is to be read.
	Digest(effect *E) string
	Digested(step, digest string) error
	// Row says what is stored under any other key; nil if it was deleted. An
	// error is logged, and the value counts as deleted.
	Row(key string, value []byte) error
	// Rows are the patterns of those other keys that the picture needs from the
	// beginning of the bucket, such as "stock.*".
	Rows() []string

	// Decide says what the business row of a step becomes by a decision that is
	// about to be stored; nil is none. It returns the other values that change
	// with it, to be stored in the same write, and how to take all of that out
	// of the picture again, which is done in reverse order if it is done.
	Decide(step string, before, after *E) (others []Row, undo func())
	// Stored says at which sequence number the row of a step is stored now,
	// after Effect or Decide told what it is.
	Stored(step string, sequence uint64)
	// Oldest is a sequence number below which the picture needs no business row
	// of any step; ok is false if it needs none at all.
	Oldest() (sequence uint64, ok bool)
	// Keep is how long the record of a step with this business row is kept after
	// its last command; 0 is for ever. It has to outlive the saga (PROTOCOL.md,
	// section 14).
	Keep(effect *E) time.Duration
}
