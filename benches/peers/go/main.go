// A hit of golang.org/x/oauth2/clientcredentials, on one thread and on two that share the source.
// The method is that of crates/daypass/benches/support/threads.rs: short batches, of which only
// those count that no other process interrupted, on either thread.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sort"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/oauth2/clientcredentials"
)

const (
	operations = 1000
	batches    = 250
	rounds     = 40
	patience   = 400
)

type batch struct{ start, end int64 }

func (b batch) nanos() int64 { return b.end - b.start }

// allowed are the cores that the process may use, as it was started.
var allowed [16]uint64

func affinity(call uintptr, cores *[16]uint64) {
	_, _, err := syscall.RawSyscall(call, 0, unsafe.Sizeof(*cores), uintptr(unsafe.Pointer(cores)))
	if err != 0 {
		fmt.Fprintln(os.Stderr, "two cores are needed:", err)
		os.Exit(1)
	}
}

func init() { affinity(syscall.SYS_SCHED_GETAFFINITY, &allowed) }

// pin keeps the calling thread on one core: the at-th of those that are allowed.
func pin(at int) {
	var only [16]uint64
	for core := 0; core < 16*64; core++ {
		bit := uint64(1) << (core % 64)
		if allowed[core/64]&bit == 0 {
			continue
		}
		if at == 0 {
			only[core/64] = bit
			break
		}
		at--
	}
	affinity(syscall.SYS_SCHED_SETAFFINITY, &only)
}

// run works through all batches on each of the threads, at the same time.
func run(threads int, operation func()) [][]batch {
	began := time.Now()
	all := make([][]batch, threads)
	var working, ready sync.WaitGroup
	ready.Add(threads)
	for thread := range all {
		working.Add(1)
		go func(thread int) {
			defer working.Done()
			runtime.LockOSThread()
			pin(thread)
			ready.Done()
			ready.Wait()
			mine := make([]batch, 0, batches)
			for len(mine) < batches {
				start := time.Since(began).Nanoseconds()
				for i := 0; i < operations; i++ {
					operation()
				}
				mine = append(mine, batch{start, time.Since(began).Nanoseconds()})
			}
			all[thread] = mine
		}(thread)
	}
	working.Wait()
	return all
}

// accompanied tells whether the other thread worked, uninterrupted, from the first to the last
// moment of one.
func accompanied(one batch, other []batch, limit int64) bool {
	at := sort.Search(len(other), func(i int) bool { return other[i].end >= one.start })
	if at == len(other) || other[at].start > one.start {
		return false
	}
	for ; at < len(other) && other[at].start < one.end; at++ {
		if other[at].nanos() > limit {
			return false
		}
	}
	return at < len(other)
}

// nanosEach returns the median of the clean batches. An interrupted batch is one that took three
// times as long as most.
func nanosEach(threads int, operation func()) float64 {
	var clean []int64
	for round := 0; round < rounds || len(clean) < 50; round++ {
		if round == patience {
			fmt.Fprintln(os.Stderr, "the machine is too busy: hardly a batch ran without a break")
			os.Exit(1)
		}
		all := run(threads, operation)
		var nanos []int64
		for _, mine := range all {
			for _, one := range mine {
				nanos = append(nanos, one.nanos())
			}
		}
		sort.Slice(nanos, func(i, j int) bool { return nanos[i] < nanos[j] })
		limit := 3 * nanos[len(nanos)/2]
		for thread, mine := range all {
			for _, one := range mine {
				if one.nanos() <= limit && (threads == 1 || accompanied(one, all[1-thread], limit)) {
					clean = append(clean, one.nanos())
				}
			}
		}
	}
	sort.Slice(clean, func(i, j int) bool { return clean[i] < clean[j] })
	return float64(clean[len(clean)/2]) / operations
}

func main() {
	runtime.GOMAXPROCS(2)
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"%01081d","token_type":"Bearer","expires_in":3600}`, 1)
	}
	issuer := httptest.NewServer(http.HandlerFunc(answer))
	config := clientcredentials.Config{ClientID: "a", ClientSecret: "b", TokenURL: issuer.URL}
	source := config.TokenSource(context.Background())
	hit := func() {
		if _, err := source.Token(); err != nil {
			panic(err)
		}
	}
	hit()
	issuer.Close()
	one, two := nanosEach(1, hit), nanosEach(2, hit)
	fmt.Printf("x/oauth2, Token() (%s): %.1f ns, %.1f ns\n", runtime.Version(), one, two)
}
