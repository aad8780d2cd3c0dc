// The kinds of load, each the whole life of a child process (load_life.h) once it may begin, and a file of its own.
// Each ends by itself after --limit-ms, whoever forgot it. They return the exit code.
#pragma once

namespace ordeal::fault {

class LoadFlags;

// --most BYTES --cgroup PATH [--total yes] [--beyond yes]: resident memory. Its orders are bytes.
int hold_memory(const LoadFlags& flags);
// --cgroup PATH [--total yes]: process ids, its own among them. Its orders are their number.
int hold_pids(const LoadFlags& flags);

}  // namespace ordeal::fault
