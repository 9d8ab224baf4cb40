// Package embedded is the app: a NATS server in the process, or a connection to
// one elsewhere, and any set of the roles on top of it. One role per process or
// all in one is the same code path; only what New is told differs.
package embedded
