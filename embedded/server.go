package embedded

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// Durability says what a crash can take.
type Durability string

// The durabilities.
const (
	// Disk has every acknowledged write on the disk before it is acted upon: a
	// power loss takes nothing.
	Disk Durability = "disk"
	// Interval syncs every 100 ms: a killed process loses nothing, a power loss
	// at most that much.
	Interval Durability = "interval"
)

// syncInterval is how often Interval syncs. A plain server does so every two
// minutes.
const syncInterval = 100 * time.Millisecond

// readyTimeout bounds the start of the server. Recovery of a large store takes
// seconds.
const readyTimeout = 60 * time.Second

// ServerConfig describes an embedded server.
type ServerConfig struct {
	Data       string // folder of the store; it is locked while the server runs
	Listen     string // host:port for clients; port 0 is any free one; "" is none
	Durability Durability
	Log        zerolog.Logger
}

// Server is a NATS server with JetStream in this process.
type Server struct {
	nats *server.Server
	lock *os.File
}

// StartServer starts a server and returns when it takes connections.
func StartServer(cfg ServerConfig) (*Server, error) {
	options, err := serverOptions(cfg)
	if err != nil {
		return nil, err
	}
	return startServer(options, cfg.Log)
}

// StartServerFromFile starts a server as a NATS configuration file says.
func StartServerFromFile(file string, log zerolog.Logger) (*Server, error) {
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if options.StoreDir == "" {
		return nil, fmt.Errorf("reading %s: jetstream needs a store_dir", file)
	}
	options.NoSigs = true
	return startServer(options, log)
}

func serverOptions(cfg ServerConfig) (*server.Options, error) {
	options := &server.Options{
		ServerName: "amends", JetStream: true, StoreDir: cfg.Data, NoSigs: true, NoSystemAccount: true,
		SyncInterval: syncInterval, SyncAlways: cfg.Durability == Disk, DontListen: cfg.Listen == "",
		MaxControlLine: 4096,
	}
	if cfg.Listen == "" {
		return options, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err == nil {
		options.Port, err = strconv.Atoi(port)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %q: give host:port: %w", cfg.Listen, err)
	}
	if options.Port == 0 {
		options.Port = server.RANDOM_PORT
	}
	options.Host = host
	return options, nil
}

func startServer(options *server.Options, log zerolog.Logger) (*Server, error) {
	lock, err := lockStore(options.StoreDir)
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the NATS server: %w", err), lock.Close())
	}
	serverLog := &serverLog{log: log.With().Str("role", "nats").Logger(), fatal: make(chan string, 1)}
	ns.SetLoggerV2(serverLog, false, false, false)
	ns.Start()
	s := &Server{nats: ns, lock: lock}
	if err := s.awaitReady(serverLog.fatal); err != nil {
		s.Stop()
		return nil, fmt.Errorf("starting the NATS server: %w", err)
	}
	return s, nil
}

// awaitReady returns when the server takes connections, or cannot.
func (s *Server) awaitReady(fatal <-chan string) error {
	ready := make(chan bool, 1)
	go func() { ready <- s.nats.ReadyForConnections(readyTimeout) && s.nats.JetStreamEnabled() }()
	select {
	case cause := <-fatal:
		return errors.New(cause)
	case ok := <-ready:
		if !ok {
			return errors.New("it did not become ready; its log says why")
		}
		return nil
	}
}

// lockStore takes the store for this process. The server itself does not: two on
// one folder would both start, and ruin it.
func lockStore(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("data folder %s is in use by another process", dir), file.Close())
	}
	return file, nil
}

// URL is where clients connect; "" if the server does not listen.
func (s *Server) URL() string {
	if s.nats.Addr() == nil {
		return ""
	}
	return s.nats.ClientURL()
}

// InProcessConn makes a connection inside the process (nats.InProcessServer).
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// Stop shuts the server down and waits until its store is closed.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	// The lock goes with the file.
	_ = s.lock.Close()
}

// ServerVersion is the version of the NATS server in this binary.
const ServerVersion = server.VERSION
