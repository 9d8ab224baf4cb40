package main

import (
	"encoding/json"
	"testing"
	"time"

	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// A cancel window on the command line is that of the labels, in a process with
// everything and in one with nothing else (D23).
func TestD23_CancelWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole systems")
	}
	s := &site{T: t, binary: build(t)}
	for name, role := range map[string]string{"everything in one process": "serve", "a role alone": "shipping"} {
		t.Run(name, func(t *testing.T) {
			s.types(typed{role + " --cancel-window=-1s", exitUsage, "--cancel-window must not be negative"})
			var url string
			store := []string{"--nats-listen", "127.0.0.1:0", "--data", t.TempDir(), "--durability", "interval"}
			if role == "serve" {
				_, url = s.start(append([]string{role, "--cancel-window", "1ms"}, store...)...)
			} else {
				_, url = s.start(append([]string{"nats"}, store...)...)
				s.start(role, "--nats", url, "--cancel-window", "1ms")
			}
			nc, err := nats.Connect(url)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			said := func(subject, body string) (answer struct {
				Type, Error string
				CreatedAt   int64 `json:"created_at"`
				CancelUntil int64 `json:"cancel_until"`
			}) {
				t.Helper()
				m, err := nc.Request(subject, []byte(body), patience)
				if err == nil {
					err = json.Unmarshal(m.Data, &answer)
				}
				if err != nil {
					t.Fatal(err)
				}
				return answer
			}
			said(protocol.SubjectCreateShipment, `{"type":"CreateShipment","saga_id":"c1","step":3,"items":[{"sku":"abc123","quantity":1}],"address":"1 Here St"}`)
			label := said(protocol.SubjectShipment, `{"saga_id":"c1","step":3}`)
			if label.CancelUntil-label.CreatedAt != time.Millisecond.Microseconds() {
				t.Errorf("the label is %+v", label)
			}
			<-time.After(time.Until(time.UnixMicro(label.CancelUntil)))
			if got := said(protocol.SubjectCancelShipment, `{"type":"CancelShipment","saga_id":"c1","step":3,"compensating":true}`); got.Error != "handed_over" {
				t.Errorf("after its window a label is cancelled: %+v", got)
			}
		})
	}
}
