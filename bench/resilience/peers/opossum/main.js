// opossum in the cases of ../README.md: reads a case a line, answers "opossum CASE NS". "lean": without percentiles.
'use strict';

const CircuitBreaker = require('opossum');
const readline = require('readline');

const CALLS = 20_000;
const BUCKETS = 10, BUCKET_CALLS = 1_000, BUCKET_MS = 100;
const lean = process.argv[2] === 'lean';
const FAILURES = lean ? 2_000 : 20;  // with percentiles one takes milliseconds
const NAME = lean ? 'opossum, no percentiles' : 'opossum';
const COMMON = {timeout: false, volumeThreshold: 20, errorThresholdPercentage: 50, resetTimeout: 3_600_000,
                rollingPercentilesEnabled: !lean};
const calleeError = new Error('callee');

const callee = async good => {
  if (!good) throw calleeError;
  return 1;
};

async function calls(breaker, good, count) {
  for (let i = 0; i < count; i++) {
    try {
      await breaker.fire(good);
    } catch {
    }
  }
}

async function timed(breaker, good, count) {
  const began = process.hrtime.bigint();
  await calls(breaker, good, count);
  return Number(process.hrtime.bigint() - began) / count;
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

// A window of ten buckets with 1000 successes in each.
async function failure() {
  const breaker = new CircuitBreaker(callee, {...COMMON, rollingCountTimeout: BUCKETS * BUCKET_MS,
                                              rollingCountBuckets: BUCKETS});
  const began = Date.now();
  for (let i = 0; i < BUCKETS; i++) {
    await calls(breaker, true, BUCKET_CALLS);
    if (i + 1 < BUCKETS) await sleep(began + (i + 1) * BUCKET_MS - Date.now());
  }
  const took = await timed(breaker, false, FAILURES);
  breaker.shutdown();
  return took;
}

async function callOf(open) {
  const breaker = new CircuitBreaker(callee, COMMON);
  if (open) breaker.open();
  const took = await timed(breaker, true, CALLS);
  breaker.shutdown();
  return took;
}

const CASES = {A1: () => callOf(false), C: () => callOf(true), D: failure};

async function main() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    const took = line in CASES ? (await CASES[line]()).toFixed(2) : '-';
    process.stdout.write(`${NAME}\t${line}\t${took}\n`);
  }
}

main();
