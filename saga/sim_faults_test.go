package saga_test

// kind is one way in which the world goes wrong, or a person interferes.
type kind uint8

// The network, the participants, what comes later, the journal, the owners, the
// inbox and the timers, clocks, and people.
const (
	commandLost kind = iota
	commandTwice
	commandLate
	commandTampered // a second one under the same key with other content
	replyLost
	replyTwice
	replyLate
	replyStray // an answer to a command that was never sent
	workerAbsent
	workerBusy     // a technical no, nothing done
	workerHopeless // the same, and trying again is pointless
	workerDiesFirst
	workerDiesLast // the verdict is stored, the answer never sent
	workerUnsure   // the verdict is stored, the answer is a technical no
	actionDeclined
	undoRefused
	resultAtOnce      // in the answer, though it could come later
	resultEarly       // before the answer that it will come later
	resultLate        // about when the patience is over, or long after
	resultNever       // until the end of time
	resultHeedless    // made although the step was undone
	resultContradicts // itself
	resultTwice
	resultLost
	writeUnheard // the journal has it, the writer hears nothing
	writeLost    // the journal does not have it, the writer hears nothing
	writeSlow    // the writer hears nothing, and it lands later
	diesBeforeWrite
	diesAfterWrite
	diesWhileActing
	diesWhileReplaying
	diesAfterAck // before it looks whether somebody has added to the record
	freezesBeforeWrite
	freezesAfterWrite
	freezesBeforeAck
	ackLost
	rival      // the inbox message goes to a second owner while the first lives
	timerEarly // the time-out of an attempt
	timerStale // one that was cancelled goes off all the same
	timerUnheard
	timerLost // the durable one is not set, and its owner hears nothing
	timerLate
	timerTwice
	timerStray // one that was replaced goes off all the same
	wakeTwice
	gatewayDies // after it has added to the record, and before it tells anybody
	nudgeLost
	clockSkewed
	clockJumps
	cancelAsked
	killAsked
	retryAsked
	resolvedDone
	resolvedSkip
	migrationAsked
	deadlineSkewed // somebody's clock says that the time is over
	poisoned
	kinds

	// What follows are not faults but draws of how long something takes.
	latency = iota
	lateness
	nap
	patience
	detour
	draws
)

var kindNames = [kinds]string{
	"command lost", "command twice", "command late", "command tampered with", "reply lost", "reply twice", "reply late",
	"stray reply", "worker absent", "worker busy", "worker hopeless", "worker dies before it stores", "worker dies before it answers",
	"worker unsure", "action declined", "compensation refused", "result at once", "result early", "result late", "result never",
	"result heedless", "result contradicts itself", "result twice", "result lost", "write unheard", "write lost", "write slow",
	"owner dies before the write", "owner dies after the write", "owner dies while acting", "owner dies while replaying",
	"owner dies after the acknowledgement", "owner freezes before the write", "owner freezes after the write",
	"owner freezes before the acknowledgement", "acknowledgement lost", "rival", "time-out early", "time-out stale",
	"timer unheard", "timer lost", "timer late", "timer twice", "timer stray", "wake-up twice", "gateway dies", "nudge lost",
	"clock skewed", "clock jumps", "cancel", "kill", "retry", "resolve as done", "resolve as skipped", "migration", "deadline", "quarantine",
}
