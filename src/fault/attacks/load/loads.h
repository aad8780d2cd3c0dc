// The kinds of load, each the whole life of a child process (load_life.h) once it may begin, and a file of its own.
// Each ends by itself after --limit-ms, whoever forgot it. They return the exit code.
#pragma once

namespace ordeal::fault {

class LoadFlags;

// --cgroup PATH [--total yes]: resident memory. Its orders are bytes.
int hold_memory(const LoadFlags& flags);
// --cgroup PATH [--total yes]: process ids, its own among them. Its orders are their number.
int hold_pids(const LoadFlags& flags);
// --keep BYTES [--leave BYTES] [--memory CGROUP]: space of the file system of descriptor kDiskFolder, in a file without
// a name that is descriptor kDiskFile. Its orders are bytes; with --leave it takes what is there but so much.
int hold_disk(const LoadFlags& flags);
// --keep N --leave N: inodes of that file system, all but so many.
int hold_inodes(const LoadFlags& flags);
// --workers N --mode r|w|rw --block BYTES --count N: reads and writes files without a name in kDiskFolder, as fast as
// it can, past the page cache.
int work_io(const LoadFlags& flags);
constexpr int kDiskFolder = 3;
constexpr int kDiskFile = 4;

}  // namespace ordeal::fault
