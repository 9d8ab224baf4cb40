//go:build race

package saga_test

// raceEnabled makes the simulations shorter: the race detector slows them down
// tenfold, and they share nothing.
const raceEnabled = true
