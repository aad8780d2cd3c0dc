"""A service as people have them: items from PostgreSQL, kept for a second in redis, which it can do without; its numbers on
/metrics. Started by uvicorn, twice, behind nginx."""
import os
import time

import psycopg2.pool
import redis
from fastapi import FastAPI, HTTPException, Response

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
cache = redis.Redis(port=int(os.environ["REDIS_PORT"]), socket_timeout=0.1, socket_connect_timeout=0.1)
pool = psycopg2.pool.ThreadedConnectionPool(1, 40, os.environ["DATABASE"])
app = FastAPI()
counts = {bucket: 0 for bucket in BUCKETS}
total = {"count": 0, "sum": 0.0, "ok": 0, "failed": 0}


def from_database(item):
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT name FROM item WHERE id = %s", (item,))
            row = cursor.fetchone()
            return row and row[0]
    finally:
        pool.putconn(connection)


def cached(item):
    try:
        return cache.get(item)
    except redis.RedisError:
        return None


def keep(item, name):
    try:
        cache.set(item, name, px=1000)
    except redis.RedisError:
        pass


@app.get("/items/{item}")
def get_item(item: int):
    begin = time.monotonic()
    try:
        name = cached(item)
        if name is None:
            name = from_database(item)
            if name is None:
                raise HTTPException(404)
            keep(item, name)
        total["ok"] += 1
        return {"id": item, "name": name}
    except psycopg2.Error as error:
        total["failed"] += 1
        raise HTTPException(503) from error
    finally:
        took = time.monotonic() - begin
        total["count"] += 1
        total["sum"] += took
        for bucket in BUCKETS:
            counts[bucket] += took <= bucket


@app.get("/health")
def health():
    return {"up": True}


@app.get("/metrics")
def metrics():
    lines = ["# TYPE item_requests_total counter", f'item_requests_total{{outcome="ok"}} {total["ok"]}',
             f'item_requests_total{{outcome="failed"}} {total["failed"]}', "# TYPE item_seconds histogram"]
    lines += [f'item_seconds_bucket{{le="{bucket}"}} {count}' for bucket, count in counts.items()]
    lines += [f'item_seconds_bucket{{le="+Inf"}} {total["count"]}', f'item_seconds_sum {total["sum"]}',
              f'item_seconds_count {total["count"]}']
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
