// Package protocol is the contract between clients, the orchestrator and the
// participants: every subject, bucket, message, error code and bound.
//
// It imports the standard library only, so that it can be read (and copied) by
// somebody who writes workers in another language. PROTOCOL.md says in words
// what the types here say in Go; schema.v1.json says it for machines.
package protocol
