package main

import (
	"bytes"
	"strings"
	"testing"

	"amends/embedded"

	"github.com/rs/zerolog"
)

// S2-08: nobody runs a system that fails on purpose without being told.
func TestFailuresOnPurposeAreWarnedOf(t *testing.T) {
	for probability, want := range map[float64]int{0: 0, 0.1: 1} {
		var log bytes.Buffer
		flags := serviceFaultFlags{faultFlags: faultFlags{map[string]float64{"payment": probability, "shipping": 0}}}
		if err := flags.endanger(&embedded.Config{Log: zerolog.New(&log)}); err != nil {
			t.Fatal(err)
		}
		if strings.Count(log.String(), `"level":"warn"`) != want {
			t.Errorf("with probability %v it logs %q", probability, log.String())
		}
	}
}
