package workertest

import (
	"encoding/json"

	"amends/protocol"
	"amends/worker"

	"github.com/nats-io/nats.go"
)

// reverse sends the second compensation of a step: Undo, with the mark and the
// key of a reversal (D21).
func (r *trial) reverse(saga string) string {
	r.Helper()
	return r.sendBody(r.Compensation, r.reversal(saga))
}

func (r *trial) reversal(saga string) []byte {
	r.Helper()
	body, err := json.Marshal(r.Undo(saga))
	r.must(err)
	fields := make(map[string]any)
	r.must(json.Unmarshal(body, &fields))
	fields["reversal"] = true
	body, err = json.Marshal(fields)
	r.must(err)
	return body
}

func reversedNothing(r *trial) {
	cmd := r.Accept("reversed")
	r.wrote(1, func() {
		first := r.reverse("reversed")
		r.expect(first, r.Undo("reversed"), protocol.SuffixOK, "")
		r.same(r.reverse("reversed"), first)
		r.expect(r.do(cmd), cmd, protocol.SuffixFailed, worker.ReasonCompensated)
	})
	r.wrote(1, func() { r.expect(r.undo(r.Undo("reversed")), r.Undo("reversed"), protocol.SuffixOK, "") })
}

func reversedAfterUndo(r *trial) {
	cmd, undo := r.Accept("twice"), r.Undo("twice")
	done, undone := r.do(cmd), r.undo(undo)
	r.wrote(1, func() {
		first := r.reverse("twice")
		r.expect(first, undo, protocol.SuffixOK, "")
		r.same(r.reverse("twice"), first)
		r.same(r.undo(undo), undone)
		r.same(r.do(cmd), done)
	})
}

func reversedStanding(r *trial) {
	cmd, undo := r.Accept("standing"), r.Undo("standing")
	done := r.do(cmd)
	m := nats.NewMsg(r.Compensation)
	m.Data = r.reversal("standing")
	id, err := protocol.ParseSagaID("standing")
	r.must(err)
	m.Header.Set(protocol.HeaderKey, protocol.ReversalKey(id, cmd.Header().Step))
	r.wrote(1, func() {
		answer, err := r.client.RequestMsg(m, patience)
		r.must(err)
		r.expect(string(answer.Data), undo, protocol.SuffixOK, "")
		r.same(r.reverse("standing"), string(answer.Data))
		r.same(r.do(cmd), done)
	})
	r.wrote(1, func() { r.expect(r.undo(undo), undo, protocol.SuffixOK, "") })
}

// queried asks for an action that never came, one that was accepted, one that was
// declined, and one that was only undone (D9). Asking changes nothing.
func queried(r *trial) {
	if r.Query == "" {
		r.Skip("the service has no subject for it")
	}
	accept, decline := r.Accept("asked"), r.Decline("refused")
	accepted, declined := r.do(accept), r.do(decline)
	r.undo(r.Undo("undone"))
	r.wrote(0, func() {
		r.told("asked", protocol.QueryStepOK{Outcome: protocol.OutcomeKnown, Reply: json.RawMessage(accepted)})
		r.told("refused", protocol.QueryStepOK{Outcome: protocol.OutcomeKnown, Reply: json.RawMessage(declined)})
		r.told("undone", protocol.QueryStepOK{Outcome: protocol.OutcomeNone})
		r.told("never", protocol.QueryStepOK{Outcome: protocol.OutcomeNone})
	})
	Halt(r, r.first)
	r.replica()
	r.told("asked", protocol.QueryStepOK{Outcome: protocol.OutcomeKnown, Reply: json.RawMessage(accepted)})
}

// told fails the trial unless that is, byte by byte, what the service says of the
// action of a saga.
func (r *trial) told(saga string, want protocol.QueryStepOK) {
	r.Helper()
	question := protocol.QueryStep{Command: protocol.Command{
		Type: protocol.TypeQueryStep, SagaID: saga, Step: r.Accept(saga).Header().Step,
	}}
	body, err := json.Marshal(question)
	r.must(err)
	answer, err := protocol.EncodeReply(question.Command.Reply(protocol.SuffixOK), want)
	r.must(err)
	r.same(r.sendBody(r.Query, body), string(answer))
}
