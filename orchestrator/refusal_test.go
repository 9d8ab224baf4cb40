package orchestrator

import (
	"fmt"
	"testing"

	"amends/protocol"
)

// S1-05: which goods are short is written down with the refusal, for whoever
// tells the customer. What is no SKU is not.
func TestARefusalSaysWhatIsShort(t *testing.T) {
	s := newStage(t)
	s.answer(protocol.SubjectReserve, func(c protocol.Command) string {
		return fmt.Sprintf(`{"type":"ReserveInventory_failed","saga_id":"%s","step":1,"error":"out_of_stock","unavailable":["abc123","no sku",""]}`, c.SagaID)
	})
	o := s.orchestrator("one")
	s.prices(o)
	s.start("c1", 5000)
	id, err := protocol.ParseSagaID("c1")
	s.must(err)
	j, _, err := o.records.load(t.Context(), id)
	s.must(err)
	last := j.Sequence[len(j.Sequence)-1]
	if got := string(last.Fields["unavailable"]); last.Code != "out_of_stock" || got != `["abc123"]` {
		t.Errorf("the journal says %s, unavailable %s", last.Code, got)
	}
}
