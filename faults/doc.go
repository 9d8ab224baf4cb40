// Package faults says what goes wrong on purpose, so that people can see what a
// saga does about it, and prove that it adds up all the same.
//
// A Plan is a list of rules: which fault, for which commands, with which
// probability. What is decided about one attempt of a command depends on the plan,
// a seed, and the attempt alone (see Rule.Strikes): the same seed makes the same
// decisions, in whatever order, process or replica they are made. No clock and no
// shared randomness takes part.
//
// Each kind of fault has one place where it is made (Kind.Place). What happens to
// messages happens where commands are sent, and so to workers in any language:
// they are dropped, delayed and duplicated. What happens to a worker happens in
// its kit: it refuses, or its process dies. At either place, of all rules that
// strike an attempt the first one counts.
//
// The probability with which the actions of a service fail (S2-08) is such a rule,
// too, which can be changed while the service runs: Injector.SetFailure.
//
// Package planfile reads plans.
package faults
