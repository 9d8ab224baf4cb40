package embedded

import (
	"context"
	"slices"

	"amends/cart"
	"amends/faults"
	"amends/gateway"
	"amends/inventory"
	"amends/orchestrator"
	"amends/order"
	"amends/payment"
	"amends/payment/simulated"
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
	Cart         Role = "cart"
	Order        Role = "order"
	Orchestrator Role = "orchestrator"
	Gateway      Role = "gateway"
)

// Roles returns all roles, in the order in which they are started together; the
// last one stops first.
func Roles() []Role { return []Role{Inventory, Payment, Shipping, Cart, Order, Orchestrator, Gateway} }

// buildConfig is what a role is built from.
type buildConfig struct {
	Config
	conn        *nats.Conn
	writer      *store.Writer
	injector    *faults.Injector
	definitions map[string]*saga.Definition
	name        string
}

// build makes the part that a role runs. A participant of one's own joins the
// process by one more case here.
func (r Role) build(cfg buildConfig) (part, error) {
	kit := worker.Config{
		Conn: cfg.conn, Writer: cfg.writer, Replicas: cfg.Replicas, Log: cfg.Log,
		Faults: cfg.injector, AllowFaults: cfg.AllowFaults && slices.Contains(faulty, r),
	}
	switch r {
	case Inventory:
		service, err := inventory.NewWith(kit, inventory.Policy{Retention: inventory.RetentionBeside(cfg.Retention)})
		return cfg.stocked(service, kit, loadCatalog), err
	case Payment:
		return payment.New(kit, simulated.New(simulated.Config{Writer: cfg.writer, Replicas: cfg.Replicas}))
	case Shipping:
		return shipping.NewWith(kit, shipping.Options{CancelWindow: cfg.CancelWindow})
	case Cart:
		return cart.New(kit)
	case Gateway:
		http := cfg.HTTP
		http.Conn, http.Log = cfg.conn, cfg.Log
		return gateway.New(http)
	case Order:
		return order.New(order.Config{Conn: cfg.conn, Writer: cfg.writer, Replicas: cfg.Replicas, Log: cfg.Log})
	default:
		o, err := orchestrator.New(orchestrator.Config{
			Conn: cfg.conn, Writer: cfg.writer, Definitions: cfg.definitions, Name: cfg.name,
			Replicas: cfg.Replicas, MaxLive: cfg.MaxLive, Retention: cfg.Retention, Log: cfg.Log,
			Faults: cfg.injector,
		})
		return cfg.stocked(o, kit, loadPrices), err
	}
}

// stocked is a part with its share of the development catalogue, which is loaded
// before it opens: all of it for the inventory, the prices for an orchestrator
// whose inventory is somebody else's.
func (cfg buildConfig) stocked(p part, kit worker.Config, load func(context.Context, worker.Config) error) part {
	if !cfg.Development {
		return p
	}
	return &loading{part: p, load: func(ctx context.Context) error { return load(ctx, kit) }}
}

type loading struct {
	part
	load func(context.Context) error
}

func (l *loading) Start(ctx context.Context) error {
	if err := l.load(ctx); err != nil {
		return err
	}
	return l.part.Start(ctx)
}
