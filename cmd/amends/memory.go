package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// gcPercent lets the heap grow to four times what is live before it is
// collected. What is live is small here, and short-lived messages are many.
const gcPercent = 300

const (
	// roomyMemory is the memory, in bytes, up to which that is so.
	roomyMemory = 192 << 20
	// memoryEvery is how often the bound is looked at.
	memoryEvery = 5 * time.Second
)

// tuneMemory lets a small system use memory freely, and a large one no more than
// half as much again as it needs. Who has set GOGC or GOMEMLIMIT knows better.
func tuneMemory() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(roomyMemory)
	go func() {
		for range time.Tick(memoryEvery) {
			debug.SetMemoryLimit(max(roomyMemory, liveHeap()*3/2))
		}
	}()
}

// liveHeap is what the latest collection found to be in use, with what the
// program itself needs, in bytes.
func liveHeap() int64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	sum := int64(roomyMemory / 4)
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += int64(s.Value.Uint64())
		}
	}
	return sum
}
