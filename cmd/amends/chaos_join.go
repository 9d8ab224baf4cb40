package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"amends/embedded"
	"amends/faults"
	"amends/protocol"
	"amends/saga"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nuid"
)

// infoTime is how long replicas are listened to that say who they are.
const infoTime = 500 * time.Millisecond

// chaosServices are the micro services that take part in a checkout.
func chaosServices() []string {
	return []string{protocol.ServiceInventory, protocol.ServicePayment, protocol.ServiceShipping, protocol.ServiceCheckout}
}

// joinChaosSystem finds a system that follows a plan already. Its checkouts are
// named anew with each run.
func joinChaosSystem(ctx context.Context, url, creds string, plan *faults.Plan, said *uint64) (*chaosSystem, error) {
	nc, err := (embedded.Access{URL: url, Creds: creds}).Dial("amends chaos")
	if err != nil {
		return nil, exitOfNATS(err)
	}
	s := &chaosSystem{nc: nc, what: "on " + nc.ConnectedUrlRedacted()}
	s.failed, s.fail = context.WithCancelCause(context.Background())
	infos, err := askInfo(ctx, nc, needed(plan))
	if err == nil {
		s.seed, err = agreedSeed(infos, plan, said)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	s.prefix = fmt.Sprintf("chaos-%d-%s", s.seed, nuid.Next())
	return s, nil
}

// askInfo asks every replica of some services who it is.
func askInfo(ctx context.Context, nc *nats.Conn, services []string) ([]micro.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTime)
	defer cancel()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("asking who is there: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for _, service := range services {
		subject, err := micro.ControlSubject(micro.InfoVerb, service, "")
		if err == nil {
			err = nc.PublishRequest(subject, sub.Subject, nil)
		}
		if err != nil {
			return nil, fmt.Errorf("asking who is there: %w", err)
		}
	}
	var infos []micro.Info
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return infos, nil // whoever has not answered by now is not there
		}
		var info micro.Info
		if json.Unmarshal(m.Data, &info) == nil && info.Name != "" {
			infos = append(infos, info)
		}
	}
}

// agreedSeed is the seed that all replicas have which the plan needs. That some do
// not follow it is an error of usage.
func agreedSeed(infos []micro.Info, plan *faults.Plan, said *uint64) (seed uint64, err error) {
	usage := func(format string, args ...any) error {
		return &exitError{exitUsage, fmt.Errorf(format+"; start it with --fault-plan FILE --fault-seed N --allow-faults", args...)}
	}
	agreed := ""
	for _, service := range needed(plan) {
		there := slices.DeleteFunc(slices.Clone(infos), func(i micro.Info) bool { return i.Name != service })
		if len(there) == 0 {
			return 0, &exitError{exitNoNATS, fmt.Errorf("no %s answers", service)}
		}
		for _, info := range there {
			follows, its := info.Metadata[faults.MetadataPlan], info.Metadata[faults.MetadataSeed]
			switch {
			case follows == "":
				return 0, usage("%s (%s) follows no plan of faults", service, info.ID)
			case follows != plan.ID():
				return 0, usage("%s (%s) follows the plan %s, not %s", service, info.ID, follows, plan.ID())
			case agreed != "" && its != agreed:
				return 0, usage("%s (%s) has the seed %s, and others have %s", service, info.ID, its, agreed)
			}
			agreed = its
		}
	}
	if seed, err = strconv.ParseUint(agreed, 10, 64); err != nil {
		return 0, fmt.Errorf("the system has the seed %q, which is none", agreed)
	}
	if said != nil && *said != seed {
		return 0, usage("the system has the seed %d, not %d", seed, *said)
	}
	return seed, nil
}

// needed are the services that have to follow a plan, so that all of its rules can
// strike.
func needed(plan *faults.Plan) []string {
	var all []string
	for _, rule := range plan.Rules {
		switch {
		case rule.Fault.Place() == faults.OnBus:
			all = append(all, protocol.ServiceCheckout)
		case rule.Service != "":
			all = append(all, rule.Service)
		default:
			all = append(all, protocol.ServiceInventory, protocol.ServicePayment, protocol.ServiceShipping)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// commandsOf lists the commands of a definition for people.
func commandsOf(def *saga.Definition) string {
	var all []string
	for n, step := range def.Steps {
		all = append(all, fmt.Sprintf("step %d of %s (%s, %s)", n+1, step.Service, step.Action.Type, step.Compensation.Type))
	}
	return strings.Join(all, ", ")
}
