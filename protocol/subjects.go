package protocol

import "strconv"

// Names of the micro services, as `nats micro ls` lists them. Each name is also
// the queue group of its endpoints: replicas share the work.
const (
	ServiceCheckout  = "checkout"
	ServiceInventory = "inventory"
	ServicePayment   = "payment"
	ServiceShipping  = "shipping"
)

// Subjects of the client API (micro service "checkout").
const (
	SubjectStart  = "checkout.start"
	SubjectStatus = "checkout.status"
	SubjectList   = "checkout.list"
)

// Subjects of the participants. A definition may name others.
const (
	SubjectReserve        = "inventory.reserve"
	SubjectRelease        = "inventory.release"
	SubjectStock          = "inventory.stock"
	SubjectCharge         = "payment.charge"
	SubjectRefund         = "payment.refund"
	SubjectPayment        = "payment.get"
	SubjectCreateShipment = "shipping.create"
	SubjectCancelShipment = "shipping.cancel"
	SubjectShipment       = "shipping.get"
)

// The work queue through which everything that moves a saga enters.
const (
	StreamInbox   = "SAGA_INBOX"
	InboxSubjects = "saga.*.*"
	ConsumerInbox = "orchestrator"
)

// Buckets. A bucket NAME is the JetStream stream KV_NAME with the subjects
// $KV.NAME.>, so that `nats kv get NAME KEY` reads it.
const (
	BucketSagas       = "SAGAS"
	BucketCatalog     = "CATALOG"
	BucketDefinitions = "DEFINITIONS"
	BucketInventory   = "INVENTORY"
	BucketPayments    = "PAYMENTS"
	BucketShipments   = "SHIPMENTS"
)

// SubjectInboxStart is where a start waits for an owner: saga.start.<saga_id>.
func SubjectInboxStart(id SagaID) string { return "saga.start." + id.String() }

// SubjectEvents carries every transition of one saga to whoever watches it:
// checkout.events.<saga_id>. It is not stored; the record is the truth.
func SubjectEvents(id SagaID) string { return "checkout.events." + id.String() }

// SubjectAllEvents is the pattern for the transitions of all sagas.
const SubjectAllEvents = "checkout.events.*"

// BucketStream is the stream behind a bucket: KV_<bucket>.
func BucketStream(bucket string) string { return "KV_" + bucket }

// BucketSubjects is the pattern of all keys of a bucket: $KV.<bucket>.>.
func BucketSubjects(bucket string) string { return "$KV." + bucket + ".>" }

// BucketSubject is the subject of one key: $KV.<bucket>.<key>.
func BucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// StepKey is the key under which a participant keeps what it knows of one step
// of one saga: <saga_id>.<step>. A saga id holds no dot, so no key is a prefix
// of another saga's key.
func StepKey(id SagaID, step int) string { return id.String() + "." + strconv.Itoa(step) }

// DefinitionKey is the key of one version of a definition in the bucket
// DEFINITIONS: <name>.<hash>.
func DefinitionKey(name, hash string) string { return name + "." + hash }

// IdempotencyKey names one logical operation, the same for every attempt:
// <saga_id>.<step>.do for an action, <saga_id>.<step>.undo for its compensation
// (D6).
func IdempotencyKey(id SagaID, step int, compensating bool) string {
	if compensating {
		return StepKey(id, step) + ".undo"
	}
	return StepKey(id, step) + ".do"
}

// Headers of commands and replies. Bodies stay exactly those of the source
// document; what changes from attempt to attempt travels here.
const (
	// HeaderKey carries the idempotency key of a command.
	HeaderKey = "Amends-Key"
	// HeaderAttempt carries the number of the attempt, from 1; replies echo it.
	HeaderAttempt = "Amends-Attempt"
	// HeaderReceived is when the worker received the command, in microseconds
	// since 1970 UTC.
	HeaderReceived = "Amends-Received"
	// HeaderAnswered is when the worker answered, in microseconds since 1970 UTC.
	HeaderAnswered = "Amends-Answered"
)

// Headers of saga records, so that a listing reads headers only.
const (
	HeaderPhase      = "Amends-Phase"
	HeaderDefinition = "Amends-Definition"
	HeaderOwner      = "Amends-Owner"
	HeaderStarted    = "Amends-Started"
)
