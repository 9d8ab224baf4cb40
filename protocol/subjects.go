package protocol

import "strconv"

// Names of the micro services, as `nats micro ls` lists them. Each name is also
// the queue group of its endpoints: replicas share the work.
const (
	ServiceCheckout  = "checkout"
	ServiceInventory = "inventory"
	ServicePayment   = "payment"
	ServiceShipping  = "shipping"
	ServiceOrder     = "order"
	ServiceCart      = "cart"
)

// Subjects of the client API (micro service "checkout").
const (
	SubjectStart  = "checkout.start"
	SubjectStatus = "checkout.status"
	SubjectList   = "checkout.list"

	SubjectCancel      = "checkout.cancel"
	SubjectRetry       = "checkout.retry"
	SubjectResolve     = "checkout.resolve"
	SubjectMigrate     = "checkout.migrate"
	SubjectPlan        = "checkout.plan"
	SubjectDefinitions = "checkout.definitions"
)

// SubjectCallbacks is where the results of steps arrive that are answered later
// (S4-11): checkout.callback.<saga_id>.<step>.<token>.
const SubjectCallbacks = "checkout.callback.*.*.*"

// SubjectCallback is the address of the result of one step. The token proves
// that whoever uses it got it from the orchestrator (D21).
func SubjectCallback(id SagaID, step int, token string) string {
	return SubjectCallbacksOf(id.String()) + "." + strconv.Itoa(step) + "." + token
}

// SubjectCallbacksOf is what the addresses of all results of a saga begin with.
// The saga id must have been checked.
func SubjectCallbacksOf(sagaID string) string { return "checkout.callback." + sagaID }

// Subjects of the participants. A definition may name others.
const (
	SubjectReserve        = "inventory.reserve"
	SubjectRelease        = "inventory.release"
	SubjectCommit         = "inventory.commit"
	SubjectRenew          = "inventory.renew"
	SubjectRestock        = "inventory.restock"
	SubjectStock          = "inventory.stock"
	SubjectReservation    = "inventory.reservation"
	SubjectReserveQuery   = "inventory.query"
	SubjectCharge         = "payment.charge"
	SubjectRequestPayment = "payment.request"
	SubjectAuthorize      = "payment.authorize"
	SubjectCapture        = "payment.capture"
	SubjectVoid           = "payment.void"
	SubjectRefund         = "payment.refund"
	SubjectPayment        = "payment.get"
	SubjectPaymentQuery   = "payment.query"
	SubjectCreateShipment = "shipping.create"
	SubjectCancelShipment = "shipping.cancel"
	SubjectShipment       = "shipping.get"
	SubjectShipmentQuery  = "shipping.query"
	SubjectHandOver       = "shipping.handover"
	SubjectOrder          = "order.get"
	SubjectOrderList      = "order.list"
	SubjectCartAdd        = "cart.add"
	SubjectCartRemove     = "cart.remove"
	SubjectCart           = "cart.get"
	SubjectCartCheckout   = "cart.checkout"
)

// SubjectFaults is where a service is told with which probability its actions are
// to fail on purpose: <service>.faults. It is open only if the service was started
// so.
func SubjectFaults(service string) string { return service + ".faults" }

// SubjectInjected is where a process tells each fault that it makes on purpose:
// faults.<service>.
func SubjectInjected(service string) string { return "faults." + service }

// SubjectAllInjected is the pattern of all of them.
const SubjectAllInjected = "faults.*"

// The work queue: a message in it says that a saga wants an owner.
const (
	StreamInbox   = "SAGA_INBOX"
	InboxSubjects = "saga.run.*"
	ConsumerInbox = "orchestrator"
)

// The stream of the wake-up times of sagas that wait long.
const (
	StreamTimers   = "SAGA_TIMERS"
	TimerSubjects  = "timer.*.*"
	TimersDue      = "timer.due.*"
	ConsumerTimers = "orchestrator"
)

// The stream of domain events (S1-03, N0-3): order.<order_id>.<Event>.
const (
	StreamOrders  = "ORDERS"
	OrderSubjects = "order.*.*"
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
	BucketIncidents   = "INCIDENTS"
	BucketOrders      = "ORDERS_VIEW"
	BucketCarts       = "CARTS"
	BucketBank        = "BANK" // of the simulated bank: not ours to read
)

// ConsumerPromises is the one consumer of every PromiseStream.
const ConsumerPromises = "participant"

// PromiseStream is the work queue of what a participant has to do by itself about
// the records of its bucket, such as to send a result: PROMISES_<bucket>.
func PromiseStream(bucket string) string { return "PROMISES_" + bucket }

// PromiseSubjects is the pattern promise.<bucket>.*.* of all its messages.
func PromiseSubjects(bucket string) string { return PromiseSubject(bucket, "*.*") }

// PromiseSubject holds one message while something is owed about a record:
// promise.<bucket>.<saga_id>.<step>.
func PromiseSubject(bucket, stepKey string) string { return "promise." + bucket + "." + stepKey }

// SubjectInbox is where a saga waits for an owner: saga.run.<saga_id>. The
// stream holds one message per saga at the most.
func SubjectInbox(id SagaID) string { return "saga.run." + id.String() }

// SubjectTimer holds the schedule of one saga: timer.at.<saga_id>.
func SubjectTimer(id SagaID) string { return "timer.at." + id.String() }

// SubjectTimerDue is where the schedule of a saga fires: timer.due.<saga_id>.
func SubjectTimerDue(id SagaID) string { return "timer.due." + id.String() }

// SubjectNudge tells the owner of a saga that somebody else has added to its
// record: checkout.nudge.<saga_id>.
func SubjectNudge(id SagaID) string { return "checkout.nudge." + id.String() }

// SubjectNudges is the pattern of all nudges.
const SubjectNudges = "checkout.nudge.*"

// SubjectReplica is where one replica of a service takes what the others hand on
// to it: <service>.replica.<replica>.
func SubjectReplica(service, replica string) string { return service + ".replica." + replica }

// SubjectOrderEvent is where one event of one order is stored.
func SubjectOrderEvent(orderID, event string) string { return "order." + orderID + "." + event }

// SubjectEvents carries every transition of one saga to whoever watches it:
// checkout.events.<saga_id>. It is not stored; the record is the truth.
func SubjectEvents(id SagaID) string { return "checkout.events." + id.String() }

// SubjectAllEvents is the pattern for the transitions of all sagas.
const SubjectAllEvents = "checkout.events.*"

// SubjectIncidents carries the open incidents of one saga to whoever watches, as
// a list: checkout.incidents.<saga_id>. They are stored in the bucket INCIDENTS.
func SubjectIncidents(id SagaID) string { return "checkout.incidents." + id.String() }

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

// ReversalKey names the compensation of an action whose success became known
// only after its step had been compensated: <saga_id>.<step>.reverse (D21).
func ReversalKey(id SagaID, step int) string { return StepKey(id, step) + ".reverse" }

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

// HeaderCallback carries, on a command whose result may come later, the subject
// on which it is awaited.
const HeaderCallback = "Amends-Callback"

// HeaderRelayed carries, on a command that one replica of a service hands on to
// another, the subject on which it came.
const HeaderRelayed = "Amends-Relayed"

// HeaderStopping marks the refusal of a replica that is stopping: another one has
// to decide in its place.
const HeaderStopping = "Amends-Stopping"

// HeaderDigest carries, on a stored value, what the pictures of a participant need
// to know of it, so that a start need not decode a million values.
const HeaderDigest = "Amends-Digest"

// Headers of saga records, so that a listing reads headers only.
const (
	HeaderPhase      = "Amends-Phase"
	HeaderDefinition = "Amends-Definition"
	HeaderOwner      = "Amends-Owner"
	HeaderStarted    = "Amends-Started"
	HeaderStep       = "Amends-Step"     // names of the steps in progress
	HeaderCode       = "Amends-Code"     // of the first failure
	HeaderIncident   = "Amends-Incident" // kind of the first open incident
	HeaderWake       = "Amends-Wake"     // when a saga that only waits goes on by itself, in microseconds since 1970 UTC
)
