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
// What is no step of a saga, such as adding to a cart, is a request (Serve) on
// Rows: values that are changed by compare-and-set, without a verdict. A request
// may also look at the row that a step has left (Book.Effect), change it
// (Book.Revise), find it by what it holds (Finder), and be carried out once beside
// the steps (Once). Simulated banks and carriers go wrong on purpose (WithFaults),
// and so does a whole process that follows a plan (Config.Faults).
//
// # When somebody outside decides
//
// A ledger that cannot decide alone begins: it says what is going to be asked of
// somebody outside (Outside), such as a bank, and that is stored first. Then the
// outside is asked, and the ledger finishes with its answer. When the command
// comes again, the outside is first asked what it knows of it (D9).
//
// An action may be deferred: its sender is told <Action>_pending at once, and the
// result where it awaits it, again and again until it is taken (S4-09). An action
// that is compensated before it is decided never takes effect: it is declined for
// ever, and the outside is told to undo whatever it did (F6). Both are done by the
// service itself, also after a restart: a work queue beside the bucket says for
// which steps something is owed (errands.go).
//
// # When a command acts on the row of another step
//
// A capture changes the authorization of an earlier step. Its fence is then a
// guest in the record of that step, so that row and verdict are one write; the
// record of its own step only says where to look (Memory.Host), and was written
// before.
//
// # The files, in reading order
//
//	config.go  service.go  endpoint.go                       a table of endpoints
//	serve.go  call.go  gate.go  pause.go                     the way of a message
//	request.go  query.go  querystep.go                       messages that are no commands
//	settle.go  fence.go  decision.go  remember.go  book.go   one command: fence, ledger, one write
//	outside.go  promise.go  errands.go                       when somebody outside decides
//	picture.go  guarded.go  view.go  draw.go                 decisions on the whole bucket
//	chain.go  parcel.go                                      how they are written, one behind the other
//	horizon.go  reach.go                                     what need not be read, and how far there is to read
//	relay.go  rivals.go  tend.go                             which of several replicas writes
//	record.go  finder.go  once.go                            beside the commands of a saga
//	rows.go  together.go  seed.go                            values that belong to no step
//	fault.go  faults.go                                      what goes wrong on purpose
//
// Package workertest has a server to test on, and the suite that every
// participant passes.
package worker
