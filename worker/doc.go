// Package worker is the kit on which participants stand: it decodes commands
// strictly, keeps the fence, stores the verdict together with the business
// change in one write, and answers only then (D24, D25).
//
// A participant brings its rules as pure functions (its ledger) and gets from
// the kit everything that makes them safe to call again and again. The same kit
// is there for services that are not ours.
package worker
