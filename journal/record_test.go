package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"amends/definitions"
	"amends/saga"
)

// sample is a record of a saga that has reserved its goods.
func sample(t testing.TB) (*Record, Finder) {
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
	r := &Record{SagaID: "c1", Definition: "checkout", Phase: saga.Running, Owner: "one", Epoch: 1, Persisted: []saga.Instant{11}}
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
	var back, plain Record
	if err := json.Unmarshal(r.Encode(), &back); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, r.Encode())
	}
	if err := json.Unmarshal(want, &plain); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, plain) {
		t.Errorf("got  %s\nwant %s", r.Encode(), want)
	}
}

func TestAJournalOpensToItsState(t *testing.T) {
	r, find := sample(t)
	j, err := Open(r.Encode(), 7, 22, find)
	if err != nil {
		t.Fatal(err)
	}
	if j.State.Phase != saga.Running || !slices.Equal(j.State.Active(), []int{2}) || j.Revision != 7 {
		t.Errorf("state %+v", j.State)
	}
	if r.Persisted = append(r.Persisted, 22); !bytes.Equal(j.Encode(), r.Encode()) {
		t.Errorf("writing it again changes it:\n%s\n%s", j.Encode(), r.Encode())
	}
}

// Every damage is noticed.
func TestADamagedJournalDoesNotOpen(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*Record)
	}{
		{"last event lost", func(r *Record) { r.Events = r.Events[:1] }},
		{"first event lost", func(r *Record) { r.Events = r.Events[1:] }},
		{"all events lost", func(r *Record) { r.Events, r.Tip = nil, "" }},
		{"events swapped", func(r *Record) { r.Events[0], r.Events[1] = r.Events[1], r.Events[0] }},
		{"a byte changed", func(r *Record) { r.Events[1] = bytes.Replace(r.Events[1], []byte(`"at":20`), []byte(`"at":21`), 1) }},
		{"of another saga", func(r *Record) { r.SagaID = "c2" }},
		{"tip lost", func(r *Record) { r.Tip = "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, find := sample(t)
			c.damage(r)
			_, err := Open(r.Encode(), 1, 22, find)
			if _, ok := errors.AsType[*saga.ChainError](err); !ok {
				t.Errorf("got %v, want a chain error", err)
			}
		})
	}
}
