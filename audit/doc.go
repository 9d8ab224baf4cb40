// Package audit proves, from the buckets alone, that nothing was charged twice,
// oversold, lost or forgotten (invariants I1 to I6).
//
// It trusts the documented formats, not the code that writes them: it decodes
// the buckets itself, checks every hash chain, replays every journal, and holds
// what the journals say against what the participants have stored.
//
// The package has two halves. Check, CheckQueued, CheckOrphan and CheckStock are
// pure functions over small values (Saga, Reservation, Charge, Shipment, Stock),
// and ReadRecord and ReadEffect make those values of stored bytes. Run is the
// other half: it reads the buckets of a running system.
//
// An audit under load reports no violation that is not there:
//
//  1. It notes how far SAGAS reaches, and after that how far the participants'
//     buckets reach. Whatever is stored later is left alone. So every saga that
//     had ended at that moment is seen with all its effects, which change no
//     more.
//  2. What does not agree then, and every saga that is still open, is looked at
//     again by reads from the leader, on a snapshot: its record must not change
//     while its effects are read. The journal is written before a command is
//     sent and after it was answered, so a snapshot obeys the rules exactly.
//
// Effects without a record are orphans, unless they are older than the retention
// that the stream of SAGAS names: then the record has expired.
//
// Memory: one small value per saga with effects, until its record has been seen.
package audit
