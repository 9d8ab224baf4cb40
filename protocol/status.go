package protocol

// Statuses of a saga, as Status, Summary and Outcome show them (N0-2).
const (
	StatusPending      = "PENDING"      // on its way forward
	StatusCompensating = "COMPENSATING" // being undone, in reverse
	StatusCompleted    = "COMPLETED"    // every step is done
	StatusAborted      = "ABORTED"      // everything that was done is undone
	StatusStuck        = "STUCK"        // an incident is open and waits for an operator
	StatusKilled       = "KILLED"       // an operator ended it where it stood; nothing was undone
)

// Statuses of one step of a saga (N0-2).
const (
	StepPending            = "PENDING"             // not begun
	StepRunning            = "RUNNING"             // its action is under way
	StepWaiting            = "WAITING"             // its action was taken in; the result comes later
	StepQuerying           = "QUERYING"            // its worker is asked what became of the action
	StepCompleted          = "COMPLETED"           // its action was accepted
	StepFailed             = "FAILED"              // its action was declined
	StepUnknown            = "UNKNOWN"             // its action may or may not have happened
	StepCompensating       = "COMPENSATING"        // its compensation is under way
	StepCompensated        = "COMPENSATED"         // its compensation was accepted
	StepCompensationFailed = "COMPENSATION_FAILED" // its compensation needs an operator
	StepSkipped            = "SKIPPED"             // an operator let it be
)

// statusNames are the statuses of a saga, in the order above.
var statusNames = []string{
	StatusPending, StatusCompensating, StatusCompleted, StatusAborted, StatusStuck, StatusKilled,
}
