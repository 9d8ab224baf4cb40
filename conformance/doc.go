// Package conformance checks a worker, in any language, against the checklist of
// PROTOCOL.md, over NATS alone: it sends commands as an orchestrator does, and
// holds the answers against the clauses C1, C2, ….
//
// What it has to know of a service is a Profile: subjects, types, and a sample of
// what the service accepts and declines. Those of the three services of document
// 000 are part of the package; one's own is a YAML file.
//
// Every run uses saga ids of its own, conform-<run>-<clause>-<n>, so that a run
// meets nothing of an earlier one. What it has done it undoes: at the end of a run
// each action that it has sent is compensated.
package conformance
