package orchestrator

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"amends/definitions"
	"amends/saga"
)

// sample is a record of a saga that has reserved its goods.
func sample(t testing.TB) (*record, DefinitionFinder) {
	t.Helper()
	all, err := definitions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	def := all["checkout"]
	find := func(_, hash string) (*saga.Definition, error) {
		if hash != def.Hash() {
			return nil, errors.New("unknown definition")
		}
		return def, nil
	}
	r := &record{SagaID: "c1", Definition: "checkout", Phase: saga.Running, Owner: "one", Epoch: 1, Persisted: []saga.Instant{11}}
	for n, e := range []saga.Event{
		{Type: saga.Started, At: 10, Start: &saga.Start{
			SagaID: "c1", OrderID: "o1", Definition: "checkout", DefinitionHash: def.Hash(),
			Request: map[string]json.RawMessage{"user_id": json.RawMessage(`"u<42>"`)},
		}},
		{Type: saga.StepAccepted, At: 20, Step: 1, Attempt: 1, Fields: map[string]json.RawMessage{"reservations": json.RawMessage(`[]`)}},
	} {
		raw, tip, err := saga.Seal(n+1, r.Tip, &e)
		if err != nil {
			t.Fatal(err)
		}
		r.Events, r.Tip = append(r.Events, raw), tip
	}
	return r, find
}

func TestARecordIsPlainJSON(t *testing.T) {
	r, _ := sample(t)
	want, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back, plain record
	if err := json.Unmarshal(r.encode(), &back); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, r.encode())
	}
	if err := json.Unmarshal(want, &plain); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, plain) {
		t.Errorf("got  %s\nwant %s", r.encode(), want)
	}
}

func TestAJournalOpensToItsState(t *testing.T) {
	r, find := sample(t)
	j, err := OpenJournal(r.encode(), 7, find)
	if err != nil {
		t.Fatal(err)
	}
	if j.State.Phase != saga.Running || j.State.Cursor != 2 || j.Revision != 7 {
		t.Errorf("state %+v", j.State)
	}
	if !bytes.Equal(j.encode(), r.encode()) {
		t.Errorf("writing it again changes it:\n%s\n%s", j.encode(), r.encode())
	}
}

// Every damage is noticed.
func TestADamagedJournalDoesNotOpen(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*record)
	}{
		{"last event lost", func(r *record) { r.Events = r.Events[:1] }},
		{"first event lost", func(r *record) { r.Events = r.Events[1:] }},
		{"all events lost", func(r *record) { r.Events, r.Tip = nil, "" }},
		{"events swapped", func(r *record) { r.Events[0], r.Events[1] = r.Events[1], r.Events[0] }},
		{"a byte changed", func(r *record) { r.Events[1] = bytes.Replace(r.Events[1], []byte(`"at":20`), []byte(`"at":21`), 1) }},
		{"of another saga", func(r *record) { r.SagaID = "c2" }},
		{"tip lost", func(r *record) { r.Tip = "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, find := sample(t)
			c.damage(r)
			_, err := OpenJournal(r.encode(), 1, find)
			if _, ok := errors.AsType[*saga.ChainError](err); !ok {
				t.Errorf("got %v, want a chain error", err)
			}
		})
	}
}
