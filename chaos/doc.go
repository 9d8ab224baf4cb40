// Package chaos tests the real program as processes: it kills them (kill -9),
// stops and continues them, starts them in every order and feeds them bad input,
// under load, and then holds what the clients were told against what is stored.
//
// There are only tests here:
//
//	main_test.go         builds the program, once
//	process_test.go      one process: start, kill, stop, continue, end
//	logbook_test.go      what it logs, and waiting for a line of it
//	site_test.go         a whole system: one process, or one per role
//	load_test.go         clients that start checkouts and never give up
//	order_test.go        one checkout of theirs, and all that was said about it
//	conclusion_test.go   what must hold in the end, and the audit
//
// and then the tests themselves, one file per thing that must hold. Every random
// choice comes from a seed, which is printed; AMENDS_CHAOS_SEED repeats it as far
// as real processes can be repeated. AMENDS_CHAOS_KILLS scales the kills.
package chaos
