package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"
)

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
1 incidents are open
  k1: RefundPayment failed: no
I1         saga twice: the charge of 249.99 USD stands, but the journal did not ask for it; it is one of 2 that stand
           [PAYMENTS twice.9: charge of 249.99 USD, stands]
VIOLATED: 1 findings (I1 1)
`
	if text.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", text.String(), want)
	}
	machine, err := json.Marshal(r)
	must(t, err)
	for _, part := range []string{
		`"violations":1`, `"broken":{"I1":1}`, `"net":999.96`, `"stuck":1`, `"notes":[]`,
		`{"invariant":"I1","saga_id":"twice","what":"the charge`,
	} {
		if !bytes.Contains(machine, []byte(part)) {
			t.Errorf("%s is not in %s", part, machine)
		}
	}
}
