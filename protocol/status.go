package protocol

// Statuses of a saga, as Status, Summary and Outcome show them (N0-2).
const (
	StatusPending      = "PENDING"      // on its way forward
	StatusCompensating = "COMPENSATING" // being undone, in reverse
	StatusCompleted    = "COMPLETED"    // every step is done
	StatusAborted      = "ABORTED"      // everything that was done is undone
	StatusStuck        = "STUCK"        // an incident is open and waits for an operator
)

// Statuses of one step of a saga (N0-2).
const (
	StepPending            = "PENDING"             // not begun
	StepRunning            = "RUNNING"             // its action is under way
	StepCompleted          = "COMPLETED"           // its action was accepted
	StepFailed             = "FAILED"              // its action was declined
	StepUnknown            = "UNKNOWN"             // its action may or may not have happened
	StepCompensating       = "COMPENSATING"        // its compensation is under way
	StepCompensated        = "COMPENSATED"         // its compensation was accepted
	StepCompensationFailed = "COMPENSATION_FAILED" // its compensation needs an operator
)

func isStatus(text string) bool {
	switch text {
	case StatusPending, StatusCompensating, StatusCompleted, StatusAborted, StatusStuck:
		return true
	}
	return false
}
