"""A TCP proxy in front of the API server, by which a test cuts somebody off from it: refused, or in silence. As a program
(HOST PORT UPSTREAM-PORT) it only passes on."""
import asyncio
import contextlib
import sys
import threading

BLOCK = 65536


class Proxy:
    """Its methods may be called from any thread and have happened when they return."""

    def __init__(self, port, upstream, host="127.0.0.1"):
        self.port, self.upstream, self.host = port, upstream, host
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="proxy", daemon=True)
        self.thread.start()
        self.server, self.writers, self.tasks = None, set(), set()
        self.flowing = self.do(self.make_event())
        self.resume()

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    async def make_event(self):
        return asyncio.Event()

    def stop(self):
        """Every connection is reset, new ones are refused."""
        self.do(self.cut())

    def stall(self):
        """New connections are accepted, and nothing passes in either direction: as when packets are lost. What was on its
        way arrives after resume()."""
        async def hold():
            self.flowing.clear()
            await self.listen()
        self.do(hold())

    def resume(self):
        async def go_on():
            await self.listen()
            self.flowing.set()
        self.do(go_on())

    def close(self):
        self.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    async def listen(self):
        if not self.server:
            self.server = await asyncio.start_server(self.serve, self.host, self.port)

    async def cut(self):
        if self.server:
            self.server.close()
            self.server = None
        for task in self.tasks:
            task.cancel()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        self.writers.add(writer)
        try:
            await self.flowing.wait()
            upstream, to_upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
            self.writers.add(to_upstream)
            try:
                await asyncio.gather(self.pump(reader, to_upstream), self.pump(upstream, writer))
            finally:
                self.drop(to_upstream)
        except (OSError, asyncio.CancelledError):
            pass  # either side has gone, or the test has cut it
        finally:
            self.drop(writer)
            self.tasks.discard(task)

    def drop(self, writer):
        self.writers.discard(writer)
        writer.transport.abort()

    async def pump(self, reader, writer):
        while data := await reader.read(BLOCK):
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


if __name__ == "__main__":
    Proxy(int(sys.argv[2]), int(sys.argv[3]), sys.argv[1]).thread.join()
