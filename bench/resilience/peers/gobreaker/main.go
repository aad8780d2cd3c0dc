// gobreaker in the cases of ../README.md: reads a case a line, answers "gobreaker CASE NS".
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	calls       = 500_000
	failures    = 5_000
	bucketCalls = 1_000
	buckets     = 10
	bucket      = 10 * time.Millisecond
)

type breaker = gobreaker.CircuitBreaker[int]

var errCallee = errors.New("callee")

func good() (int, error) { return 1, nil }
func bad() (int, error)  { return 0, errCallee }

func atHalf(counts gobreaker.Counts) bool {
	return counts.Requests >= 20 && counts.TotalFailures*2 >= counts.Requests
}

func always(gobreaker.Counts) bool { return true }

func closed() *breaker {
	return gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Interval: 10 * time.Second, BucketPeriod: time.Second, Timeout: time.Hour, ReadyToTrip: atHalf})
}

func open() *breaker {
	made := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{Timeout: time.Hour, ReadyToTrip: always})
	made.Execute(bad)
	return made
}

// A window of ten buckets with 1000 successes in each.
func full() *breaker {
	made := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Interval: buckets * bucket, BucketPeriod: bucket, Timeout: time.Hour, ReadyToTrip: atHalf})
	for i := 0; i < buckets; i++ {
		began := time.Now()
		for j := 0; j < bucketCalls; j++ {
			made.Execute(good)
		}
		if i+1 < buckets {
			time.Sleep(bucket - time.Since(began))
		}
	}
	return made
}

func timed(made *breaker, call func() (int, error), count int) float64 {
	began := time.Now()
	for i := 0; i < count; i++ {
		made.Execute(call)
	}
	return float64(time.Since(began).Nanoseconds()) / float64(count)
}

// Nanoseconds a call in each of two goroutines; -1 unless they overlapped for 80 % of the time.
func timedByTwo(made *breaker, call func() (int, error), count int) float64 {
	var ready atomic.Int32
	var begins, ends [2]time.Time
	var group sync.WaitGroup
	for i := range begins {
		group.Add(1)
		go func() {
			defer group.Done()
			ready.Add(1)
			for ready.Load() < 2 {
			}
			begins[i] = time.Now()
			timed(made, call, count)
			ends[i] = time.Now()
		}()
	}
	group.Wait()
	first, last := begins[0], ends[0]
	both, until := begins[1], ends[1]
	if both.Before(first) {
		first, both = both, first
	}
	if last.Before(until) {
		last, until = until, last
	}
	if float64(until.Sub(both)) < 0.8*float64(last.Sub(first)) {
		return -1
	}
	return float64((ends[0].Sub(begins[0]) + ends[1].Sub(begins[1])).Nanoseconds()) / float64(2*count)
}

func main() {
	healthy, refusing := closed(), open()
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		took := -1.0
		switch input.Text() {
		case "A1":
			took = timed(healthy, good, calls)
		case "B":
			took = timedByTwo(healthy, good, calls)
		case "C":
			took = timed(refusing, good, calls)
		case "C two":
			took = timedByTwo(refusing, good, calls)
		case "D":
			took = timed(full(), bad, failures)
		}
		fmt.Printf("gobreaker\t%s\t%.2f\n", input.Text(), took)
	}
}
