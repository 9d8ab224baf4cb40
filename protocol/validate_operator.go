package protocol

import "slices"

// Validate checks that the saga is named, and that who kills one says why. The
// error is an *Error.
func (r CancelRequest) Validate() error {
	return firstOf(CheckID("saga_id", r.SagaID), checkAuthor(r.Reason, r.By, r.Kill), checkWait(r.WaitMS))
}

// Validate checks that the saga is named. The error is an *Error.
func (r RetryRequest) Validate() error {
	return firstOf(CheckID("saga_id", r.SagaID), checkAuthor(r.Reason, r.By, false), checkWait(r.WaitMS))
}

// Validate checks that the act is complete: what a person settles by hand is
// written down with who and why. The error is an *Error.
func (r ResolveRequest) Validate() error {
	return firstOf(
		CheckID("saga_id", r.SagaID),
		checkRange("step", int64(r.Step), 1, MaxSteps),
		r.checkAs(),
		checkNote("evidence", r.Evidence, r.As == ResolveDone),
		checkAuthor(r.Reason, r.By, true),
		checkWait(r.WaitMS),
	)
}

func (r ResolveRequest) checkAs() error {
	switch {
	case r.As == "":
		return missing("as")
	case r.As != ResolveDone && r.As != ResolveSkip:
		return invalid("as", "must be done or skip")
	case r.As == ResolveSkip && len(r.Fields) > 0:
		return invalid("fields", "must be absent: a step that is skipped brings nothing")
	}
	return nil
}

// Validate checks that the saga is named. The error is an *Error.
func (r MigrateRequest) Validate() error {
	return firstOf(
		CheckID("saga_id", r.SagaID),
		checkOptionalID("hash", r.Hash),
		checkAuthor(r.Reason, r.By, false),
		checkWait(r.WaitMS),
	)
}

// Validate checks the act, and that it is not about both one saga and a filter.
// The error is an *Error.
func (r PlanRequest) Validate() error {
	return firstOf(
		checkPlanned(r.Act),
		checkOptionalID("saga_id", r.SagaID),
		r.checkScope(),
		r.Filter.validate(),
		checkRange("limit", int64(r.Limit), 0, MaxListLimit),
	)
}

func checkPlanned(act string) error {
	switch act {
	case ActCancel, ActKill, ActDeadline, ActRetry, ActMigrate:
		return nil
	case "":
		return missing("act")
	}
	return invalid("act", "must be cancel, kill, deadline, retry or migrate")
}

func (r PlanRequest) checkScope() error {
	if r.SagaID != "" && r.Filter != (Filter{}) {
		return invalid("saga_id", "must be absent when there is a filter")
	}
	return nil
}

// Validate checks the name, if there is one. The error is an *Error.
func (r DefinitionsRequest) Validate() error { return checkOptionalID("name", r.Name) }

func (f Filter) validate() error {
	return firstOf(
		checkOneOf("status", f.Status, statusNames),
		checkOptionalID("definition", f.Definition),
		checkOptionalID("step", f.Step),
		checkNote("code", f.Code, false),
		checkOneOf("incident", f.Incident, incidentKinds),
		checkRange("older_than_ms", f.OlderThanMS, 0, MaxOlderThanMS),
	)
}

// incidentKinds are what a Filter may say of incidents.
var incidentKinds = []string{
	AnyIncident, IncidentCompensationFailed, IncidentStepFailed, IncidentWorkerAbsent, IncidentPoison,
	IncidentBrokenRecord, IncidentDefinitionUnknown,
}

// checkOneOf takes one of the words, or none. A word that is not listed would
// match nothing, and look as if there were nothing to find.
func checkOneOf(field, word string, words []string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	return invalid(field, "must be "+listing(words)+", or absent")
}

// checkAuthor checks why and by whom an act is asked for.
func checkAuthor(reason, by string, required bool) error {
	return firstOf(checkNote("reason", reason, required), checkNote("by", by, required))
}

// checkNote checks a text of a person about an act.
func checkNote(field, text string, required bool) error {
	if text == "" && !required {
		return nil
	}
	return checkText(field, text, MaxReasonBytes)
}
