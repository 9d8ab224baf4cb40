package protocol

// Bounds of messages. PROTOCOL.md lists them in one table; a test holds it to
// these numbers.
const (
	// MaxRequestBytes bounds one JSON text from outside, in bytes.
	MaxRequestBytes = 64 << 10
	// MaxDepth bounds how deep objects and arrays may nest; a flat object is 1.
	MaxDepth = 16
	// MaxFields bounds the fields of one object, known or not.
	MaxFields = 256
	// MaxLines bounds the lines of one order.
	MaxLines = 100
	// MaxQuantity bounds the quantity of one line, in pieces.
	MaxQuantity = 1000
	// MaxAddressBytes bounds a shipping address, in bytes of UTF-8.
	MaxAddressBytes = 512
	// MaxReferenceBytes bounds an id that a worker made, such as a payment_id,
	// in bytes of UTF-8. Unlike our own ids it may hold any printable character.
	MaxReferenceBytes = 128
	// MaxCallbackBytes bounds the subject on which a result is awaited, in bytes.
	MaxCallbackBytes = 256
	// MaxReplySubject bounds the subject on which a client waits, in bytes: the
	// server drops the connection of whoever publishes to a longer one.
	MaxReplySubject = 512
	// MaxReasonBytes bounds what an operator writes down about an act, in bytes of
	// UTF-8.
	MaxReasonBytes = 512
	// MaxNameBytes bounds the name of a product, in bytes of UTF-8.
	MaxNameBytes = 256
	// MaxMsgIDBytes bounds a msg_id as it stands in JSON, without quotes.
	MaxMsgIDBytes = 64
	// MaxSteps bounds the steps of one saga, and so the number of a step.
	MaxSteps = 64
	// MaxRetryAfterMS bounds retry_after_ms, in milliseconds: one day.
	MaxRetryAfterMS = 86_400_000
	// MaxHoldMS bounds hold_ms, in milliseconds: 30 days.
	MaxHoldMS = 30 * 24 * 3600 * 1000
	// DefaultWaitMS is how long checkout.start waits for the end when the
	// request does not say, in milliseconds: the nats CLI gives up after 5,000.
	DefaultWaitMS = 4_000
	// MaxWaitMS bounds wait_ms, in milliseconds.
	MaxWaitMS = 60_000
	// DefaultListLimit is how many sagas checkout.list returns unless told.
	DefaultListLimit = 100
	// MaxListLimit bounds how many sagas checkout.list returns at once.
	MaxListLimit = 1_000
	// MaxOlderThanMS bounds older_than_ms, in milliseconds: a year.
	MaxOlderThanMS = 366 * 24 * 3600 * 1000
	// MaxWarnings bounds how many unknown fields are named to the sender.
	MaxWarnings = 16
	// MaxWarningBytes bounds one name from the input where it is repeated to
	// the sender, in bytes of UTF-8.
	MaxWarningBytes = 64
)
