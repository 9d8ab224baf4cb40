// Package order shows sagas as orders. It writes what becomes of each order into
// the stream ORDERS, in order and exactly once, and tells how an order stands and
// which there are.
//
// Everything here follows from the journals in the bucket SAGAS. Nothing here
// decides anything: no saga waits for this role, and when it has been away it
// catches up.
//
//	tell.go vocabulary.go      which domain events follow from a journal: pure
//	deliver.go publish.go      from the records to the stream, exactly once
//	enrol.go                   which orders a customer has
//	service.go get.go list.go  the micro service "order"
//	places.go                  how many questions are in work at once
package order
