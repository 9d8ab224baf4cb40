package gateway_test

import (
	"context"
	"testing"
	"time"

	"amends/gateway"
	"amends/protocol"
	"amends/store"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// HTTP.md names the permissions that the user of a gateway needs on NATS: with
// just these, every route works.
func TestPermissions(t *testing.T) {
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		Users: []*server.User{
			{Username: "all", Password: "all"},
			{Username: "gateway", Password: "gateway", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{
					"checkout.*", "checkout.callback.*.*.*", "cart.*", "order.list", "order.get", "$JS.API.STREAM.MSG.GET.KV_SAGAS",
				}},
				Subscribe: &server.SubjectPermission{Allow: []string{"checkout.events.*", "_INBOX.>"}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the NATS server did not come up")
	}
	connect := func(user string) *nats.Conn {
		nc, err := nats.Connect(ns.ClientURL(), nats.UserInfo(user, user), nats.ReconnectBufSize(-1), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			t.Errorf("%s: %v", user, err)
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	s := &stage{TB: t, nats: connect("all"), asked: make(map[string][]*nats.Msg)}
	everything(s)
	s.answer(protocol.SubjectList, `{"type":"checkout_list","sagas":[{"saga_id":"c1"}],"total":1}`)
	s.answer(protocol.SubjectDefinitions, `{"type":"checkout_definitions","definitions":[]}`)
	s.answer(protocol.SubjectOrderList, `{"orders":[{"saga_id":"c1"}]}`)
	s.answer(protocol.SubjectOrder, `{"type":"order","saga_id":"c1"}`)
	writer, err := store.NewWriter(s.nats, 0)
	s.must(err)
	t.Cleanup(func() { _ = writer.Close() })
	bucket, err := store.Open(t.Context(), writer, store.Config{Name: protocol.BucketSagas})
	s.must(err)
	j := &journal{s, bucket}
	j.has("c1", "RUNNING", 1)

	d := open(t, connect("gateway"), func(c *gateway.Config) { c.Heartbeat = time.Hour })
	for _, op := range operationsWithBodies(t, d) {
		if a := d.post(op.path, op.example, "If-Match", "*"); a.status >= 300 {
			t.Errorf("%s answered %d %s", op.path, a.status, a.body)
		}
	}
	for _, path := range []string{"/v1/sagas", "/v1/sagas/c1", "/v1/incidents", "/v1/definitions", "/orders", "/readyz"} {
		d.get(path).is(200, nil)
	}
	w := d.watch("c1")
	w.story("PENDING")
	j.has("c1", "COMPLETED", 2)
	j.announce("c1")
	if told := w.story(""); told != "2 COMPLETED end=2.end closed" {
		t.Errorf("told %s", told)
	}
	if err := d.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
