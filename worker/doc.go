// Package worker is the kit on which participants stand. A participant brings
// its rules as pure functions (its ledger); the kit makes them safe to call again
// and again, by any number of replicas, whatever crashes. It is there for
// services that are not ours as well.
//
// What happens to a command, in this order (D24, D25):
//
//  1. It is decoded strictly and validated. What makes no sense is refused with a
//     *protocol.Error, and nothing is stored.
//  2. The fence (Rule) looks at what is remembered of its step: a command that
//     was decided before gets the same answer, byte by byte, for ever.
//  3. The ledger decides a new one.
//  4. Its verdict and the business row that it leaves are stored as one record
//     (Memory), in one write that names the revision it replaces.
//  5. Only then it is answered: <Action>_ok, <Action>_failed (a final no) or
//     <Action>_error (not carried out; retryable or not).
//
// A Service is a table of endpoints over a Book of such records. In a plain book
// each decision concerns one record. In a guarded one, decisions rest on a
// Picture of everything in the bucket, such as the stock that is left; a write
// that was decided on an outdated picture is refused by JetStream (see link).
//
// Package workertest has a server to test on, and the suite that every
// participant passes.
package worker
