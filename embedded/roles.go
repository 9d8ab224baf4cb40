package embedded

import (
	"context"

	"amends/inventory"
	"amends/orchestrator"
	"amends/payment"
	"amends/saga"
	"amends/shipping"
	"amends/store"
	"amends/worker"

	"github.com/nats-io/nats.go"
)

// Role is a part of the system that can run in a process of its own.
type Role string

// The roles. They may be started in any order, and each of them many times.
const (
	Inventory    Role = "inventory"
	Payment      Role = "payment"
	Shipping     Role = "shipping"
	Orchestrator Role = "orchestrator"
)

// Roles returns all roles, in the order in which they are started together.
func Roles() []Role { return []Role{Inventory, Payment, Shipping, Orchestrator} }

// buildConfig is what a role is built from.
type buildConfig struct {
	Config
	conn        *nats.Conn
	writer      *store.Writer
	definitions map[string]*saga.Definition
	name        string
}

// build makes the part that a role runs. A participant of one's own joins the
// process by one more case here.
func (r Role) build(cfg buildConfig) (part, error) {
	kit := worker.Config{Conn: cfg.conn, Writer: cfg.writer, Replicas: cfg.Replicas, Log: cfg.Log}
	switch r {
	case Inventory:
		return stocked(kit, cfg.Development)
	case Payment:
		return payment.New(kit)
	case Shipping:
		return shipping.New(kit)
	default:
		return orchestrator.New(orchestrator.Config{
			Conn: cfg.conn, Writer: cfg.writer, Definitions: cfg.definitions, Name: cfg.name,
			Replicas: cfg.Replicas, MaxLive: cfg.MaxLive, Retention: cfg.Retention, Log: cfg.Log,
		})
	}
}

// stocked is the inventory, with the development catalogue loaded before it
// opens.
func stocked(kit worker.Config, development bool) (part, error) {
	service, err := inventory.New(kit)
	if err != nil || !development {
		return service, err
	}
	return &loading{Service: service, kit: kit}, nil
}

type loading struct {
	*worker.Service
	kit worker.Config
}

func (l *loading) Start(ctx context.Context) error {
	if err := loadCatalog(ctx, l.kit); err != nil {
		return err
	}
	return l.Service.Start(ctx)
}
