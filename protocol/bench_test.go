package protocol

import (
	"encoding/json"
	"testing"
)

// startMessage is a usual checkout.start, of 264 bytes.
const startMessage = `{"type":"checkout","msg_id":2,"saga_id":"checkout42-7f3e9a10","user_id":"u42",` +
	`"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}],` +
	`"shipping_address":"123 Main St, Springfield, third floor, door on the left",` +
	`"wait_ms":4000,"definition":"checkout"}`

const replyMessage = `{"type":"ReserveInventory_ok","saga_id":"checkout42","step":1,` +
	`"reservations":[{"sku":"abc123","reservation_id":"r1"},{"sku":"xyz789","reservation_id":"r2"}]}`

// BenchmarkScan is what the strictness of Decode costs; the rest of Decode is
// encoding/json.
func BenchmarkScan(b *testing.B) {
	data, sh := []byte(startMessage), shapeOf(&StartRequest{})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s := newScanner(data)
		if err := s.scan(sh); err != nil {
			b.Fatal(err)
		}
		s.release()
	}
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(startMessage)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var r StartRequest
		if _, err := Decode(data, &r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	var r StartRequest
	if err := json.Unmarshal([]byte(startMessage), &r); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseReply(b *testing.B) {
	id, _ := ParseSagaID("checkout42")
	data := []byte(replyMessage)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseReply(TypeReserveInventory, id, 1, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeReply(b *testing.B) {
	head := Reply{Type: "ReserveInventory_ok", SagaID: "checkout42", Step: 1}
	held := ReserveInventoryOK{Reservations: []Reservation{
		{SKU: "abc123", ReservationID: "r1"}, {SKU: "xyz789", ReservationID: "r2"},
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeReply(head, held); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseMoney(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMoney("amount", "249.99", "USD"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestScanDoesNotAllocate holds the hot path to its promise: a message without
// faults and without unknown fields costs no allocation.
func TestScanDoesNotAllocate(t *testing.T) {
	data, sh, s := []byte(startMessage), shapeOf(&StartRequest{}), new(scanner)
	allocations := testing.AllocsPerRun(100, func() {
		s.reset(data)
		if err := s.scan(sh); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations per message", allocations)
	}
}
