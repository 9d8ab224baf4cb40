package saga_test

import (
	"strings"
	"testing"

	"amends/saga"
)

// TestCheck breaks the checkout in every way that Check knows, and holds the
// place that it names for each.
func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 65)
	for name, test := range map[string]struct {
		breakIt func(*saga.Definition)
		faults  []string
	}{
		"nothing":                  {func(*saga.Definition) {}, nil},
		"no name":                  {func(d *saga.Definition) { d.Name = "" }, []string{"name must be 1 to 64"}},
		"a blank in the name":      {func(d *saga.Definition) { d.Name = "a b" }, []string{"name must be 1 to 64"}},
		"too long a name":          {func(d *saga.Definition) { d.Name = long }, []string{"name must be 1 to 64"}},
		"negative deadline":        {func(d *saga.Definition) { d.Deadline = -1 }, []string{"deadline must not be negative"}},
		"endless deadline":         {func(d *saga.Definition) { d.Deadline = saga.MaxDuration + 1 }, []string{"deadline must not be longer than a year"}},
		"no steps":                 {func(d *saga.Definition) { d.Steps = nil }, []string{"steps must hold at least one"}},
		"too many steps":           {func(d *saga.Definition) { d.Steps = manySteps(65) }, []string{"steps must not hold more than 64"}},
		"as many steps as may be":  {func(d *saga.Definition) { d.Steps = manySteps(64) }, nil},
		"step name":                {func(d *saga.Definition) { d.Steps[2].Name = "a.b" }, []string{"steps[2].name must be 1 to 64", `steps[2].compensation.send.shipment_id comes from "ship.`}},
		"step named request":       {func(d *saga.Definition) { d.Steps[2].Name = "request" }, []string{`steps[2].name must not be "request"`, `steps[2].compensation.send.shipment_id comes from "ship.`}},
		"two steps of one name":    {func(d *saga.Definition) { d.Steps[2] = d.Steps[1] }, []string{"steps[2].name is the name of an earlier step"}},
		"service":                  {func(d *saga.Definition) { d.Steps[1].Service = "" }, []string{"steps[1].service must be"}},
		"kind":                     {func(d *saga.Definition) { d.Steps[1].Kind = "optional" }, []string{"steps[1].kind must be compensatable, pivot or retriable"}},
		"no compensation":          {func(d *saga.Definition) { d.Steps[1].Compensation = saga.Operation{} }, []string{"steps[1].compensation is required"}},
		"compensatable behind":     {func(d *saga.Definition) { d.Steps[1].Kind = saga.Pivot }, []string{"steps[2].kind must be retriable"}},
		"two pivots":               {func(d *saga.Definition) { turn(d, 2, true); d.Steps[2].Kind = saga.Pivot }, []string{"steps[2].kind must not be pivot"}},
		"retriable before":         {func(d *saga.Definition) { d.Steps[0].Kind = saga.Retriable }, []string{"steps[0].kind must not be retriable", "steps[0].compensation must be absent"}},
		"retriable with undo":      {func(d *saga.Definition) { d.Steps[1].Kind, d.Steps[2].Kind = saga.Pivot, saga.Retriable }, []string{"steps[2].compensation must be absent"}},
		"undoable pivot":           {func(d *saga.Definition) { turn(d, 2, true) }, nil},
		"pivot":                    {func(d *saga.Definition) { turn(d, 1, false) }, nil},
		"undo named as do":         {func(d *saga.Definition) { d.Steps[1].Compensation.Type = "ChargePayment" }, []string{"steps[1].compensation.type must differ"}},
		"undo without type":        {func(d *saga.Definition) { d.Steps[1].Compensation.Type = "" }, []string{"steps[1].compensation is required", "steps[1].compensation.type must be 1 to 64"}},
		"action without type":      {func(d *saga.Definition) { d.Steps[1].Action.Type = "" }, []string{"steps[1].action.type must be"}},
		"no subject":               {func(d *saga.Definition) { d.Steps[1].Action.Subject = "" }, []string{"steps[1].action.subject must be a NATS subject"}},
		"a wildcard":               {func(d *saga.Definition) { d.Steps[1].Action.Subject = "payment.>" }, []string{"steps[1].action.subject must be a NATS subject"}},
		"a subject of clients":     {func(d *saga.Definition) { d.Steps[1].Action.Subject = "checkout.start" }, []string{`steps[1].action.subject must not begin with "checkout"`}},
		"a subject of a stream":    {func(d *saga.Definition) { d.Steps[1].Compensation.Subject = "order.o1.Paid" }, []string{`steps[1].compensation.subject must not begin with "order"`}},
		"a subject of the server":  {func(d *saga.Definition) { d.Steps[1].Action.Subject = "$KV.SAGAS.x" }, []string{"steps[1].action.subject must be a NATS subject"}},
		"an empty token":           {func(d *saga.Definition) { d.Steps[1].Action.Subject = "payment..charge" }, []string{"steps[1].action.subject must be a NATS subject"}},
		"no timeout":               {func(d *saga.Definition) { d.Steps[1].Action.Timeout = 0 }, []string{"steps[1].action.timeout must be greater than zero"}},
		"endless timeout":          {func(d *saga.Definition) { d.Steps[1].Action.Timeout = 1 << 62 }, []string{"steps[1].action.timeout must not be longer"}},
		"no attempts":              {func(d *saga.Definition) { d.Steps[1].Action.Retry.Attempts = 0 }, []string{"steps[1].action.retry.attempts must be 1 to 100"}},
		"endless attempts":         {func(d *saga.Definition) { d.Steps[1].Compensation.Retry.Attempts = 101 }, []string{"steps[1].compensation.retry.attempts must be 1 to 100"}},
		"negative wait":            {func(d *saga.Definition) { d.Steps[1].Action.Retry.Initial = -1 }, []string{"steps[1].action.retry.initial must not be negative"}},
		"shrinking waits":          {func(d *saga.Definition) { d.Steps[1].Action.Retry.Max = 1 }, []string{"steps[1].action.retry.max must not be less"}},
		"endless waits":            {func(d *saga.Definition) { d.Steps[1].Action.Retry.Max = 1 << 62 }, []string{"steps[1].action.retry.max must not be longer"}},
		"field name":               {send(saga.Field{Name: `a"b`, From: "request.items"}), []string{`steps[1].action.send.a"b must be 1 to 64`}},
		"reserved field":           {send(saga.Field{Name: "saga_id", From: "request.items"}), []string{"steps[1].action.send.saga_id is set by the orchestrator"}},
		"field twice":              {send(saga.Field{Name: "amount", From: "request.items"}), []string{"steps[1].action.send.amount is sent twice"}},
		"from nowhere":             {send(saga.Field{Name: "a", From: "items"}), []string{`steps[1].action.send.a comes from "items"`}},
		"from no field":            {send(saga.Field{Name: "a", From: "request."}), []string{`steps[1].action.send.a comes from "request."`}},
		"from a deep field":        {send(saga.Field{Name: "a", From: "request.a.b"}), []string{`steps[1].action.send.a comes from "request.a.b"`}},
		"from a field not kept":    {send(saga.Field{Name: "a", From: "reserve.warehouse"}), []string{`steps[1].action.send.a comes from "reserve.warehouse"`}},
		"from an earlier step":     {send(saga.Field{Name: "a", From: "reserve.reservations"}), nil},
		"from the step itself":     {send(saga.Field{Name: "a", From: "charge.payment_id"}), []string{`steps[1].action.send.a comes from "charge.payment_id"`}},
		"undo from a later step":   {func(d *saga.Definition) { d.Steps[1].Compensation.Send[0].From = "ship.shipment_id" }, []string{`steps[1].compensation.send.payment_id comes from "ship.shipment_id"`}},
		"undo from the own answer": {func(d *saga.Definition) { d.Steps[1].Compensation.Send[0].From = "charge.transaction_id" }, nil},
		"kept field":               {func(d *saga.Definition) { d.Steps[1].Action.Keep = append(d.Steps[1].Action.Keep, "") }, []string{"steps[1].action.keep must be"}},
		"an unknown order of undo": {func(d *saga.Definition) { d.Undo = "random" }, []string{"undo must be parallel, or absent"}},
		"undo at once":             {func(d *saga.Definition) { d.Undo = saga.InParallel }, nil},
		"two faults, in order":     {func(d *saga.Definition) { d.Steps[2].Service, d.Name = "", "" }, []string{"name must be", "steps[2].service must be"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := checkout()
			test.breakIt(d)
			holdFaults(t, d.Check(), test.faults)
		})
	}
}

// TestCheckOfGroups holds the rules for steps that run side by side.
func TestCheckOfGroups(t *testing.T) {
	const pivot, first, second = 3, 0, 1
	for name, test := range map[string]struct {
		breakIt func([]saga.Step)
		faults  []string
	}{
		"nothing":            {func([]saga.Step) {}, nil},
		"its name":           {func(s []saga.Step) { s[first].Group = "a b" }, []string{"steps[0].group must be 1 to 64"}},
		"apart":              {func(s []saga.Step) { s[second].Group = "" }, []string{"steps[2].group is the name of an earlier group"}},
		"with the pivot":     {func(s []saga.Step) { s[pivot].Group = "charge" }, []string{"steps[3].group must be absent: the pivot runs alone"}},
		"across the pivot":   {func(s []saga.Step) { s[pivot+1].Group, s[pivot+2].Group = "book", "" }, []string{"steps[4].group is the name of an earlier group"}},
		"from a sibling":     {func(s []saga.Step) { s[second].Action.Send = from("Flight.booking") }, []string{"steps[1].action.send.a comes from"}},
		"undo from a sister": {func(s []saga.Step) { s[second].Compensation.Send = from("Flight.booking") }, []string{"steps[1].compensation.send.a comes from"}},
		"undo from itself":   {func(s []saga.Step) { s[second].Compensation.Send = from("Hotel.booking") }, nil},
		"from the group":     {func(s []saga.Step) { s[pivot].Action.Send = from("Car.booking") }, nil},
		"from the order":     {func(s []saga.Step) { s[pivot].Action.Send = from("saga.order_id") }, nil},
		"from nowhere":       {func(s []saga.Step) { s[pivot].Action.Send = from("saga.secret") }, []string{"steps[3].action.send.a comes from"}},
		"named saga":         {func(s []saga.Step) { s[pivot].Name = "saga" }, []string{`steps[3].name must not be "request" or "saga"`}},
	} {
		t.Run(name, func(t *testing.T) {
			d := trip()
			test.breakIt(d.Steps)
			holdFaults(t, d.Check(), test.faults)
		})
	}
}

func from(source string) []saga.Field { return []saga.Field{{Name: "a", From: source}} }

// TestCheckOfPromises holds the rules for results that come later, and for
// questions.
func TestCheckOfPromises(t *testing.T) {
	for name, test := range map[string]struct {
		breakIt func(*saga.Step)
		faults  []string
	}{
		"nothing":               {func(*saga.Step) {}, nil},
		"an unknown reply":      {func(s *saga.Step) { s.Reply = "email" }, []string{"steps[1].reply must be callback, or absent"}},
		"no patience":           {func(s *saga.Step) { s.Patience = 0 }, []string{"steps[1].patience is required"}},
		"patience for nothing":  {func(s *saga.Step) { s.Reply = saga.Sync }, []string{"steps[1].patience must be absent"}},
		"endless patience":      {func(s *saga.Step) { s.Patience = saga.MaxDuration + 1 }, []string{"steps[1].patience must not be longer"}},
		"a question to nobody":  {func(s *saga.Step) { s.Query.Subject = "" }, []string{"steps[1].query.subject must be a NATS subject"}},
		"a question unnamed":    {func(s *saga.Step) { s.Query.Type = "" }, []string{"steps[1].query.type must be 1 to 64"}},
		"a question that acts":  {func(s *saga.Step) { s.Query.Type = "RequestPayment" }, []string{"steps[1].query.type must differ"}},
		"a question that pays":  {func(s *saga.Step) { s.Query.Type = "RefundPayment" }, []string{"steps[1].query.type must differ"}},
		"a question too long":   {func(s *saga.Step) { s.Query.Timeout = 0 }, []string{"steps[1].query.timeout must be greater than zero"}},
		"no question":           {func(s *saga.Step) { s.Query = saga.Operation{} }, nil},
		"reversal is reserved":  {func(s *saga.Step) { s.Compensation.Send[0].Name = "reversal" }, []string{"steps[1].compensation.send.reversal is set by the orchestrator"}},
		"a question from later": {func(s *saga.Step) { s.Query.Send = from("pay.payment_id") }, []string{"steps[1].query.send.a comes from"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := ticket()
			test.breakIt(&d.Steps[1])
			holdFaults(t, d.Check(), test.faults)
		})
	}
}

func holdFaults(t *testing.T, got []saga.Fault, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("Check found %v, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i].Error(), want[i]) {
			t.Errorf("fault %d is %q, want it to begin %q", i+1, got[i].Error(), want[i])
		}
	}
}

// send adds a field to what the second step sends.
func send(f saga.Field) func(*saga.Definition) {
	return func(d *saga.Definition) { d.Steps[1].Action.Send = append(d.Steps[1].Action.Send, f) }
}

func manySteps(n int) []saga.Step {
	steps := make([]saga.Step, n)
	for i := range steps {
		steps[i] = checkout().Steps[0]
		steps[i].Name = "step" + strings.Repeat("x", i%60) + string(rune('a'+i/60))
		steps[i].Compensation.Send = nil
	}
	return steps
}
