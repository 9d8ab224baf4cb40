// Package audit proves, from the streams alone, that nothing was charged twice,
// oversold, lost or forgotten (invariants I1 to I12, see finding.go).
//
// It trusts the documented formats, not the code that writes them: it decodes
// the buckets itself, checks every hash chain, replays every journal, and holds
// what the journals say against what the participants have stored and what was
// told of orders.
//
// The package has two halves. Check, CheckWatched, CheckAlone, CheckOrphan and
// CheckStock are pure functions over small values (Saga, Reservation, Charge,
// Authorization, Shipment, Tombstone, Stock), and ReadRecord and ReadEffects make
// those values of stored bytes. Run and Watch are the other half: they read the
// streams of a running system.
//
//	finding.go check.go                       the invariants, and what breaks them
//	saga.go asked.go expect.go                what the journal says and asks for
//	row.go payment.go effect.go …             what participants have stored
//	balance.go run.go stream.go               the reading of everything, once
//	judge.go snapshot.go told.go recount.go   the second look at what does not agree
//	watch.go                                  again and again
//
// An audit under load reports no violation that is not there:
//
//  1. It notes how far SAGAS reaches, and after that how far the participants'
//     buckets reach. Whatever is stored later is left alone. So every saga that
//     had ended at that moment is seen with all its effects, which change no
//     more. What the stores hold less what the journals ask for is summed up in
//     one number per saga (balance.go).
//  2. What does not come to nothing then, and every saga that has not ended, is
//     looked at again by reads from the leader, on a snapshot: its record must not
//     change while its effects are read. The journal is written before a command
//     is sent and after it was answered, so a snapshot obeys the rules exactly.
//
// Effects without a record are orphans, unless they are older than a retention
// that the stream of SAGAS names, and that was in use since they were stored: then
// the record has expired.
//
// Memory: some 45 bytes per saga, whatever it holds.
package audit
