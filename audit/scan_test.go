package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"amends/protocol"
	"amends/saga"

	"pgregory.net/rapid"
)

// stored are the values of the testdata.
func stored(t testing.TB, stream string) (values [][]byte) {
	t.Helper()
	for _, name := range []string{"completed", "aborted"} {
		text, err := os.ReadFile("testdata/" + name + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var m struct {
				Stream string          `json:"stream"`
				Value  json.RawMessage `json:"value"`
			}
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			if m.Stream == stream {
				values = append(values, m.Value)
			}
		}
	}
	return values
}

// TestWhatIsUsualIsReadTheSame: reading without decoding all of it finds what
// encoding/json finds, and takes the short way for what a real system has stored.
func TestWhatIsUsualIsReadTheSame(t *testing.T) {
	for _, value := range stored(t, protocol.BucketStream(protocol.BucketSagas)) {
		var want record
		if err := json.Unmarshal(value, &want); err != nil {
			t.Fatal(err)
		}
		got, err := readHead(value)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v, want %+v", got, err, want)
		}
		events, err := saga.Unseal(want.Events, want.Tip)
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			var e saga.Event
			seq, _, ok := readEvent(want.Events[i], &e)
			if events[i].Times = nil; !ok || seq != i+1 || !reflect.DeepEqual(e, events[i]) {
				t.Errorf("read %+v (%v), want %+v", e, ok, events[i])
			}
		}
	}
	for _, value := range stored(t, protocol.BucketStream(protocol.BucketInventory)) {
		same[reservationRow](t, value)
	}
	for _, value := range stored(t, protocol.BucketStream(protocol.BucketPayments)) {
		same[paymentRow](t, value)
	}
	for _, value := range stored(t, protocol.BucketStream(protocol.BucketShipments)) {
		same[shipmentRow](t, value)
	}
}

func same[R any](t *testing.T, value []byte) {
	t.Helper()
	var want memory[R]
	if err := json.Unmarshal(value, &want); err != nil {
		t.Fatal(err)
	}
	if _, can := any(want.Effect).(quick); !can {
		t.Errorf("%T is decoded as a whole", want.Effect)
	}
	got, err := remember[R](value)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v, want %+v", got, err, want)
	}
}

// TestMembers: whatever the walk accepts of valid JSON, encoding/json finds the
// same members in; and nothing makes it read beyond the end.
func TestMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOf(rapid.String(), rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Float64(), func(f float64) any { return f }),
			rapid.Map(rapid.SliceOf(rapid.String()), func(s []string) any { return s }),
			rapid.Map(rapid.MapOf(rapid.String(), rapid.Bool()), func(m map[string]bool) any { return m }),
		)).Draw(t, "object")
		raw, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		found := 0
		ok := members(raw, func(name, value []byte) bool {
			var key string
			if err := json.Unmarshal(append(append([]byte{'"'}, name...), '"'), &key); err != nil || !bytes.Equal(want[key], value) {
				t.Fatalf("%q is %s, want %s", key, value, want[key])
			}
			found++
			return true
		})
		if !ok || found != len(want) {
			t.Fatalf("found %d of %d members of %s", found, len(want), raw)
		}
		cut := rapid.IntRange(0, len(raw)-1).Draw(t, "cut")
		if members(raw[:cut], func(_, _ []byte) bool { return true }) {
			t.Fatalf("half an object is taken: %s", raw[:cut])
		}
		damaged := bytes.Clone(raw)
		damaged[cut] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		members(damaged, func(_, value []byte) bool { _, _ = text(value); return true }) // must come back
	})
}

// TestTexts: what is no plain text is not read as one.
func TestTexts(t *testing.T) {
	for value, want := range map[string]string{`"abc"`: "abc", `""`: "", `"a\nb"`: "no", `123`: "no", `null`: "no", `"`: "no", ``: "no"} {
		if got, ok := text([]byte(value)); ok != (want != "no") || ok && string(got) != want {
			t.Errorf("%s is read as %q, %v", value, got, ok)
		}
	}
}
