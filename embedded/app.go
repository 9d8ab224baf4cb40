package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"amends/definitions"
	"amends/faults"
	"amends/gateway"
	"amends/saga"
	"amends/store"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Config says which roles run in this process, and on which NATS.
type Config struct {
	// Roles that run here; none is all of them.
	Roles []Role
	// Server, if set, is a NATS server in this process; the roles use it.
	Server *ServerConfig
	// Access is the NATS elsewhere, if Server is nil.
	Access Access

	// Replicas of the streams, when they are made; 0 is 1.
	Replicas int
	// Retention is how long records of ended sagas are kept; 0 is for ever.
	Retention time.Duration
	// MaxLive caps the sagas in memory; 0 is the orchestrator's default.
	MaxLive int
	// HTTP is the configuration of the gateway, without its connection and log.
	// With no address to listen on, the gateway is left out.
	HTTP gateway.Config
	// Failures is with which probability the actions of a service fail on purpose,
	// by the name of its role (S2-08).
	Failures map[Role]float64
	// AllowFaults lets anybody change that while the services run, and Faults be
	// made.
	AllowFaults bool
	// CancelWindow is how long a shipping label may be cancelled; 0 is until its
	// parcel was handed over (D23).
	CancelWindow time.Duration
	// Faults is what else goes wrong on purpose; the zero value is nothing. A
	// crash ends this whole process, as kill -9 does.
	Faults faults.Plan
	// FaultSeed decides when: the same one makes the same decisions, and all
	// processes of a system need the same.
	FaultSeed uint64
	// Development loads the development catalogue into an empty store.
	Development bool
	// Definitions are loaded beside those that ship with the program; one that is
	// named like one of these replaces it.
	Definitions map[string]*saga.Definition
	Log         zerolog.Logger
}

// stopTimeout bounds how long Stop lets quick work finish.
const stopTimeout = 5 * time.Second

// App is a running set of roles.
type App struct {
	cfg     Config
	server  *Server
	conns   []*nats.Conn
	writer  *store.Writer
	started []part
	lost    chan error // holds why a connection was closed for good
}

// part is what a role runs.
type part interface {
	Start(context.Context) error
	Stop(context.Context) error
}

// New makes an app that Start starts.
func New(cfg Config) *App {
	if len(cfg.Roles) == 0 {
		cfg.Roles = Roles()
	}
	if len(cfg.HTTP.Listen) == 0 {
		cfg.Roles = slices.DeleteFunc(slices.Clone(cfg.Roles), func(r Role) bool { return r == Gateway })
	}
	return &App{cfg: cfg, lost: make(chan error, 1)}
}

// Start starts the server and the roles. It returns when every role answers, or
// with an error and nothing left running.
func (a *App) Start(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

func (a *App) start(ctx context.Context) error {
	if a.cfg.Server != nil {
		server, err := StartServer(*a.cfg.Server)
		if err != nil {
			return err
		}
		a.server = server
	}
	build, err := a.prepare(ctx)
	if err != nil {
		return err
	}
	for _, role := range a.cfg.Roles {
		if err := a.startRole(ctx, role, build); err != nil {
			return fmt.Errorf("starting role %s: %w", role, err)
		}
	}
	return nil
}

// startPause is the wait before a role is started anew.
const startPause = 250 * time.Millisecond

// startRole starts a role. On a NATS elsewhere, which may go away at any moment,
// it tries until ctx ends: roles start in any order, and wait for each other
// (S3-17). It says once what is in the way.
func (a *App) startRole(ctx context.Context, role Role, build buildConfig) error {
	told := ""
	for {
		part, err := role.build(build)
		if err != nil {
			return err
		}
		if err = part.Start(ctx); err == nil {
			a.started = append(a.started, part)
			return nil
		}
		err = errors.Join(err, part.Stop(context.WithoutCancel(ctx)))
		if a.server != nil || ctx.Err() != nil {
			return err
		}
		if told != err.Error() {
			told = err.Error()
			a.cfg.Log.Warn().Err(err).Str("role", string(role)).Msg("the role cannot start yet; trying again")
		}
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
			return err
		}
	}
}

// prepare makes what the roles of the process share. One connection and one
// writer for all: what several roles send at the same moment then goes out in
// one write.
func (a *App) prepare(ctx context.Context) (buildConfig, error) {
	nc, err := a.Conn(ctx, "amends "+roleNames(a.cfg.Roles))
	if err != nil {
		return buildConfig{}, err
	}
	groupFrom, err := a.measure(ctx, nc)
	if err != nil {
		return buildConfig{}, err
	}
	if a.writer, err = store.NewWriter(nc, groupFrom); err != nil {
		return buildConfig{}, fmt.Errorf("starting the writer: %w", err)
	}
	injector, err := a.cfg.injector(nc)
	if err != nil {
		return buildConfig{}, err
	}
	defs, err := a.definitions()
	return buildConfig{
		Config: a.cfg, conn: nc, writer: a.writer, injector: injector, definitions: defs, name: instanceName(),
	}, err
}

// definitions are those that ship with the program and those of the
// configuration, which come before.
func (a *App) definitions() (map[string]*saga.Definition, error) {
	all, err := definitions.Shipped()
	if err == nil {
		maps.Copy(all, a.cfg.Definitions)
	}
	return all, err
}

func roleNames(roles []Role) string {
	names := make([]string, len(roles))
	for n, role := range roles {
		names[n] = string(role)
	}
	return strings.Join(names, "+")
}

// measure asks the server how it likes its writes. A role that cannot (no
// permission to make a scratch stream) does without groups.
func (a *App) measure(ctx context.Context, nc *nats.Conn) (groupFrom int, err error) {
	groupFrom, err = store.Measure(ctx, nc, a.cfg.Replicas)
	if err != nil && ctx.Err() == nil {
		a.cfg.Log.Warn().Err(err).Msg("cannot measure writes; not grouping them")
		return 0, nil
	}
	a.cfg.Log.Debug().Int("group_from", groupFrom).Msg("measured writes")
	return groupFrom, err
}

// Conn opens a connection that is closed with the app: for its roles, or for a
// client in this process.
func (a *App) Conn(ctx context.Context, name string) (*nats.Conn, error) {
	nc, err := a.dial(ctx, name)
	if err != nil {
		return nil, err
	}
	a.conns = append(a.conns, nc)
	nc.SetClosedHandler(func(nc *nats.Conn) {
		select {
		case a.lost <- nc.LastError():
		default: // one is enough
		}
	})
	return nc, nil
}

// Lost yields an error when NATS has closed a connection for good, which it never
// opens again: the process had better end, and be started anew.
func (a *App) Lost() <-chan error { return a.lost }

func (a *App) dial(ctx context.Context, name string) (*nats.Conn, error) {
	if a.server == nil {
		return Connect(ctx, a.cfg.Access, name, a.cfg.Log)
	}
	if url := a.server.URL(); url != "" {
		return Connect(ctx, Access{URL: url}, name, a.cfg.Log)
	}
	return nats.Connect("", append(options(name, a.cfg.Log), nats.InProcessServer(a.server))...)
}

// URL is where clients connect to the embedded server; "" if there is none.
func (a *App) URL() string {
	if a.server == nil {
		return ""
	}
	return a.server.URL()
}

// Stop stops the roles, latest first, lets quick work finish, and then stops the
// server. It may be called more than once.
func (a *App) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var errs []error
	for n := len(a.started) - 1; n >= 0; n-- {
		errs = append(errs, a.started[n].Stop(ctx))
	}
	a.started = nil
	if a.writer != nil {
		// Unsubscribing fails when the connection was cut before.
		_ = a.writer.Close()
		a.writer = nil
	}
	for _, nc := range a.conns {
		nc.SetClosedHandler(nil)
		nc.Close()
	}
	a.conns = nil
	if a.server != nil {
		a.server.Stop()
		a.server = nil
	}
	return errors.Join(errs...)
}

// Kill ends the roles as a killed process would: the connections are cut first,
// so nothing is answered, stored or handed back. It is for demonstrations and
// tests.
func (a *App) Kill() {
	for _, nc := range a.conns {
		nc.SetClosedHandler(nil)
		nc.Close()
	}
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	// What fails now is what fails when a process is killed.
	_ = a.Stop(dead)
}

// instanceName tells instances apart in records and logs.
func instanceName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return fmt.Sprintf("%s-%d-%s", clean(host), os.Getpid(), rand.Text()[:8])
}

// clean keeps what may stand in a record without escaping.
func clean(text string) string {
	out := []byte(text)
	for n, c := range out {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			out[n] = '-'
		}
	}
	return string(out)
}
