package inventory_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"amends/inventory"
	"amends/protocol"

	"github.com/nats-io/nats.go"
)

// client sends messages until they are answered. How long an answer takes does not
// matter to it: it asks again only when it is told that whoever had its message may
// be dead, or when the answer says so. So a test of it holds on a machine of any
// speed.
type client struct {
	testing.TB
	conn *nats.Conn

	mu    sync.Mutex
	life  context.Context // of the replicas that may have a message
	ended context.CancelFunc
}

func newClient(t testing.TB, nc *nats.Conn) *client {
	c := &client{TB: t, conn: nc}
	c.life, c.ended = context.WithCancel(t.Context())
	return c
}

// killed says that a replica is gone, or has lost its connection: what it had in
// work is asked again.
func (c *client) killed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended()
	c.life, c.ended = context.WithCancel(c.Context())
}

func (c *client) now() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.life
}

// ask returns the answer to a message; "" when the test is over.
func (c *client) ask(subject string, message any) string {
	c.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		c.Error(err)
		return ""
	}
	for c.Context().Err() == nil {
		m, err := c.conn.RequestWithContext(c.now(), subject, body)
		if err == nil && !asksAgain(m.Data) {
			return string(m.Data)
		}
		<-time.After(5 * time.Millisecond) // nobody may be there just now
	}
	return ""
}

func (c *client) level(sku string) (l inventory.StockLevel) {
	c.Helper()
	if err := json.Unmarshal([]byte(c.ask(protocol.SubjectStock, inventory.StockQuery{SKU: sku})), &l); err != nil {
		c.Error(err)
	}
	return l
}

// asksAgain tells an answer that is no verdict.
func asksAgain(answer []byte) bool {
	return strings.Contains(string(answer), `"retryable":true`) || strings.Contains(string(answer), `"code":"`+string(protocol.CodeUnavailable)+`"`)
}
