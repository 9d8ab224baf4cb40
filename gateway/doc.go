// Package gateway is the HTTP door of Amends: one more client of the NATS API.
// It holds no state, so it may run any number of times, and go away at any
// moment.
//
// The way of one request through the files:
//
//	conns.go       connections, of which no client may have all
//	server.go      time-outs and limits of connections, start and drain
//	handler.go     what every request passes: name, origin, rate, body
//	register.go    huma: the operation, its document, its errors
//	decode.go      the body, by the strict decoder of every other door
//	checkouts.go … what each route asks on NATS, and what it answers
//	ask.go         one request on NATS and its answer
//	feed.go        a saga that is watched, followed once for all who watch it
//	problem.go     errors: one table of codes, one shape (RFC 9457)
//
// HTTP.md is the page for people who call it.
package gateway
