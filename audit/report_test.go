package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"amends/saga"
)

// Sagas that a person has ended, or a step of which a person has settled, are
// told apart: they are no longer what the services alone say.
func TestReportTellsWhatPeopleDid(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	killed := begin("k1").fates(accept)
	killed.put(saga.Event{Type: saga.KillRequested, By: "ann", Reason: "r"})
	s.putAll(killed, stuck("s1").settle(2, saga.ByHand))
	s.putStock("abc123", 10)
	s.putStock("xyz789", 5)
	r := s.audit()
	if !r.OK() || r.Sagas.Killed != 1 || r.Sagas.ByHand != 1 || r.Sagas.Running != 0 {
		t.Errorf("report %+v, found %v", r.Sagas, r.Findings)
	}
	var text bytes.Buffer
	must(t, r.WriteText(&text))
	for _, line := range []string{
		"  ended     0 COMPLETED, 1 ABORTED, 1 KILLED, of which everything stands as it stood\n",
		"  by hand   1 with a step that a person has settled, which is not judged\n",
	} {
		if !bytes.Contains(text.Bytes(), []byte(line)) {
			t.Errorf("%q is not in\n%s", line, text.String())
		}
	}
}

func TestReportForPeopleAndMachines(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, allBuckets...)
	twice := completed("twice")
	copyTo(2, 9)(twice)
	s.putAll(completed("c1"), stuck("k1"), twice)
	s.putStock("abc123", 10)
	s.putStock("xyz789", 5)
	r := s.audit()
	r.TookMS = 1234
	var text bytes.Buffer
	must(t, r.WriteText(&text))
	want := `3 sagas audited in 1.2 s
  ended     2 COMPLETED, 0 ABORTED
  open      0 RUNNING, 0 COMPENSATING, 1 STUCK; 0 messages in the inbox
  effects   3 reservations, 4 charges, 2 shipments
  money     USD 999.96 charged, 0.00 refunded, 999.96 net; 499.98 due for COMPLETED sagas
  stock     2 SKUs, 15 on hand, 6 of it reserved
incidents that are open: 1
  k1: RefundPayment failed: no
I2   saga twice: the charge of 249.99 USD stands, but the journal did not ask for it; it is one of 2 that stand
     [PAYMENTS twice.9: charge of 249.99 USD, stands]
VIOLATED: 1 finding (I2 1)
`
	if text.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", text.String(), want)
	}
	machine, err := json.Marshal(r)
	must(t, err)
	for _, part := range []string{
		`"violations":1`, `"broken":{"I2":1}`, `"net":999.96`, `"stuck":1`, `"notes":[]`,
		`{"invariant":"I2","saga_id":"twice","what":"the charge`,
	} {
		if !bytes.Contains(machine, []byte(part)) {
			t.Errorf("%s is not in %s", part, machine)
		}
	}
}
