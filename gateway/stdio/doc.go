// Package stdio speaks the lines of document 000: one JSON object per line, an
// envelope of src, dest and body or the body alone, in on one stream and out on
// another (S0-20, A4).
//
// A session is a client of the system that it is given a connection to. It starts
// checkouts on checkout.start, overhears what the orchestrator and the
// participants say to each other about them, and prints it in the words of the
// document, in the order in which it was said. With external services it puts the
// commands out as lines, and takes the replies in as lines (A5). It also does sagas
// whose steps the client describes (N0-1, N0-4): it makes a definition of them, has
// the orchestrator load it, and is the worker of their steps.
//
// Everything that happens in a session happens in one goroutine, session.run; others
// only read lines, print lines, and wait for definitions to be loaded. Nothing is
// locked.
package stdio
