// Package store writes to buckets by compare-and-set, and groups writes where
// the server makes that cheaper.
//
// A bucket is a JetStream stream in the shape of a key-value bucket: `nats kv
// get` reads it. Every write names the revision it replaces; a writer whose
// knowledge is stale is refused (ErrConflict). A write that was not acknowledged
// is unknown, never failed (ErrUnknown): the caller reads again before it does
// anything else.
//
// Both the orchestrator's journal and the participants' stores stand on it.
package store
