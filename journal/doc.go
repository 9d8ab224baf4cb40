// Package journal is the form in which a saga is written down: the value of one
// key of the bucket SAGAS. It says who owns the saga and everything that happened
// to it, as a hash chain of events.
package journal
