package protocol

import "testing"

// startMessage is a usual checkout.start of about 250 bytes.
const startMessage = `{"type":"checkout","msg_id":2,"saga_id":"checkout42-7f3e9a10","user_id":"u42",` +
	`"items":[{"sku":"abc123","quantity":2},{"sku":"xyz789","quantity":1}],` +
	`"shipping_address":"123 Main St, Springfield, third floor, door on the left","wait_ms":4000,"definition":"checkout"}`

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
