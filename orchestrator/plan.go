package orchestrator

import (
	"context"
	"errors"

	"amends/journal"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go/micro"
)

// handlePlan tells what an act would do. The core plays it through, so the plan
// cannot differ from what would happen.
func (o *Orchestrator) handlePlan(r micro.Request) {
	var request protocol.PlanRequest
	o.serveAside(r, &request, func(ctx context.Context) (any, error) { return o.plan(ctx, &request) })
}

func (o *Orchestrator) plan(ctx context.Context, request *protocol.PlanRequest) (*protocol.Plan, error) {
	sagas, total, err := o.planned(ctx, request)
	if err != nil {
		return nil, err
	}
	plan := &protocol.Plan{Type: protocol.TypeCheckoutPlan, Act: request.Act, Total: total, Sagas: []protocol.PlannedSaga{}, Returns: []protocol.Amount{}}
	returns, stays := newSums(), newSums()
	for _, row := range sagas {
		one, err := o.planSaga(ctx, request.Act, row)
		if err != nil && (request.SagaID != "" || !isAboutOne(err)) {
			return nil, err
		}
		if err != nil { // the others are planned all the same
			one = protocol.PlannedSaga{SagaID: row.SagaID, Status: row.Status, Refused: clientError(err).Message, Steps: []protocol.PlannedStep{}}
		}
		if one.Refused != "" {
			plan.Refused++
		}
		returns.addReturned(one.Steps)
		stays.add(one.AtRisk)
		plan.Sagas = append(plan.Sagas, one)
	}
	plan.Returns, plan.Stays = returns.amounts(), stays.amounts()
	return plan, nil
}

// isAboutOne tells an error of one saga from one that all of them would have.
func isAboutOne(err error) bool {
	_, told := errors.AsType[*protocol.Error](err)
	return told || errors.Is(err, errNoDefinition)
}

// planned are the sagas that a plan is about.
func (o *Orchestrator) planned(ctx context.Context, request *protocol.PlanRequest) (sagas []protocol.Summary, total int, err error) {
	if request.SagaID != "" {
		return []protocol.Summary{{SagaID: request.SagaID}}, 1, nil
	}
	list, err := o.list(ctx, protocol.ListRequest{Filter: request.Filter, Limit: request.Limit})
	if err != nil {
		return nil, 0, err
	}
	return list.Sagas, list.Total, nil
}

// planSaga reads a saga and plans an act on it.
func (o *Orchestrator) planSaga(ctx context.Context, act string, row protocol.Summary) (protocol.PlannedSaga, error) {
	id, err := protocol.ParseSagaID(row.SagaID)
	if err != nil {
		return protocol.PlannedSaga{}, err
	}
	j, _, err := o.read(ctx, id)
	if err != nil {
		return protocol.PlannedSaga{}, refuseBroken(err)
	}
	return o.planOne(act, j), nil
}

// planOne plays an act on one saga.
func (o *Orchestrator) planOne(act string, j *journal.Saga) protocol.PlannedSaga {
	out := protocol.PlannedSaga{SagaID: j.SagaID, Status: publicStatus(j.State.Phase), Steps: []protocol.PlannedStep{}}
	e := saga.Event{At: max(o.now(), j.State.Last)}
	switch act {
	case protocol.ActCancel:
		e.Type = saga.CancelRequested
	case protocol.ActKill:
		e.Type = saga.KillRequested
	case protocol.ActDeadline:
		e.Type = saga.DeadlinePassed
	case protocol.ActRetry:
		e.Type = saga.RetryRequested
	case protocol.ActMigrate:
		version, err := o.version(j.Definition, "")
		if err != nil {
			out.Refused = protocol.AsError(err).Message
			return out
		}
		e.Type, e.Definition = saga.Migrated, version
	}
	commands, end, refused := saga.Plan(j.Def, j.State, e)
	if refused != "" {
		out.Refused = refused
		return out
	}
	def := j.Def
	if e.Definition != nil {
		def = e.Definition
	}
	out.Then = publicStatus(end)
	if end == saga.Killed {
		out.AtRisk = atRisk(def, &j.State)
	}
	for _, c := range commands {
		out.Steps = append(out.Steps, plannedStep(def, &j.State, c))
	}
	return out
}

func plannedStep(def *saga.Definition, s *saga.State, c saga.Planned) protocol.PlannedStep {
	op := def.Operation(c.Step, c.Mode)
	step := protocol.PlannedStep{
		Step: c.Step, Command: op.Type, Service: def.Step(c.Step).Service,
		Compensating: c.Mode == saga.Compensate, Unknown: c.Unknown,
	}
	if amount := amountOf(op, s); amount != nil {
		step.Amount, step.Currency = amount.Amount, amount.Currency
	}
	return step
}

// sums adds up money by currency.
type sums struct {
	order []string
	money map[string]protocol.Money
}

func newSums() *sums { return &sums{money: make(map[string]protocol.Money)} }

// addReturned takes in what compensations would give back.
func (s *sums) addReturned(steps []protocol.PlannedStep) {
	for _, step := range steps {
		if step.Compensating && step.Amount != "" {
			s.add(&protocol.Amount{Amount: step.Amount, Currency: step.Currency})
		}
	}
}

// add takes in an amount, or none. One that cannot be added up, since it is too
// large, is left out: it stands with its saga.
func (s *sums) add(amount *protocol.Amount) {
	if amount == nil {
		return
	}
	money, err := protocol.ParseMoney("amount", amount.Amount, amount.Currency)
	if err != nil {
		return
	}
	if before, ok := s.money[money.Currency]; ok {
		if money, err = before.Add(money); err != nil {
			return
		}
	} else {
		s.order = append(s.order, money.Currency)
	}
	s.money[money.Currency] = money
}

func (s *sums) amounts() []protocol.Amount {
	amounts := []protocol.Amount{}
	for _, currency := range s.order {
		amounts = append(amounts, protocol.Amount{Amount: s.money[currency].Decimal(), Currency: currency})
	}
	return amounts
}
