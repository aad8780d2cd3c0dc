import static io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowSynchronizationStrategy.LOCK_FREE;
import static io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowSynchronizationStrategy.SYNCHRONIZED;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowType;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** resilience4j in the cases of ../README.md: reads a case a line, answers "resilience4j CASE NS". */
public final class Main {
  private static final int CALLS = 300_000, FAILURES = 5_000, BUCKETS = 10, BUCKET_CALLS = 1_000;
  private static final Exception CALLEE = new Exception("callee");
  private static boolean lockFree;
  private static volatile int sink;

  /** For a window that is full without ten seconds of waiting. */
  private static final class ManualClock extends Clock {
    private Instant now = Instant.ofEpochSecond(1_700_000_000);

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  private interface Call {
    void make(CircuitBreaker breaker);
  }

  private static CircuitBreaker closed(Clock clock) {
    return CircuitBreaker.of("bench", CircuitBreakerConfig.custom()
        .slidingWindow(BUCKETS, 20, SlidingWindowType.TIME_BASED, lockFree ? LOCK_FREE : SYNCHRONIZED)
        .failureRateThreshold(50)
        .waitDurationInOpenState(Duration.ofHours(1))
        .clock(clock)
        .build());
  }

  private static void success(CircuitBreaker breaker) {
    sink = breaker.executeSupplier(() -> 1);
  }

  private static void refusal(CircuitBreaker breaker) {
    if (breaker.tryAcquirePermission()) throw new IllegalStateException("not open");
  }

  private static void failure(CircuitBreaker breaker) {
    if (!breaker.tryAcquirePermission()) throw new IllegalStateException("open");
    long began = breaker.getCurrentTimestamp();
    breaker.onError(breaker.getCurrentTimestamp() - began, TimeUnit.NANOSECONDS, CALLEE);
  }

  private static CircuitBreaker full() {
    ManualClock clock = new ManualClock();
    CircuitBreaker breaker = closed(clock);
    for (int i = 0; i < BUCKETS; ++i) {
      if (i > 0) clock.now = clock.now.plusSeconds(1);
      for (int j = 0; j < BUCKET_CALLS; ++j) success(breaker);
    }
    return breaker;
  }

  private static double timed(CircuitBreaker breaker, Call call, int count) {
    long began = System.nanoTime();
    for (int i = 0; i < count; ++i) call.make(breaker);
    return (System.nanoTime() - began) / (double) count;
  }

  /** Nanoseconds a call in each of two threads; -1 unless they overlapped for 80 % of the time. */
  private static double timedByTwo(CircuitBreaker breaker, Call call) throws InterruptedException {
    AtomicInteger ready = new AtomicInteger();
    long[] begins = new long[2], ends = new long[2];
    Thread[] threads = new Thread[2];
    for (int i = 0; i < 2; ++i) {
      int self = i;
      threads[i] = new Thread(() -> {
        ready.incrementAndGet();
        while (ready.get() < 2) Thread.onSpinWait();
        begins[self] = System.nanoTime();
        for (int j = 0; j < CALLS; ++j) call.make(breaker);
        ends[self] = System.nanoTime();
      });
      threads[i].start();
    }
    for (Thread thread : threads) thread.join();
    long both = Math.min(ends[0], ends[1]) - Math.max(begins[0], begins[1]);
    long any = Math.max(ends[0], ends[1]) - Math.min(begins[0], begins[1]);
    if (both < 0.8 * any) return -1;
    return (ends[0] - begins[0] + ends[1] - begins[1]) / (2.0 * CALLS);
  }

  public static void main(String[] arguments) throws Exception {
    lockFree = arguments.length > 0;
    CircuitBreaker healthy = closed(Clock.systemUTC()), refusing = closed(Clock.systemUTC());
    refusing.transitionToOpenState();
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = input.readLine()) != null;) {
      double took = switch (line) {
        case "A1" -> timed(healthy, Main::success, CALLS);
        case "B" -> timedByTwo(healthy, Main::success);
        case "C" -> timed(refusing, Main::refusal, CALLS);
        case "C two" -> timedByTwo(refusing, Main::refusal);
        case "D" -> timed(full(), Main::failure, FAILURES);
        default -> -1;
      };
      System.out.printf("resilience4j%s\t%s\t%.2f%n", lockFree ? ", lock-free" : "", line, took);
    }
  }
}
