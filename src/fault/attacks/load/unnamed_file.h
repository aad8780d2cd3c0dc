// A file without a name: the kernel frees it when the last descriptor of it closes.
#pragma once

namespace ordeal::fault {

// In the folder of that descriptor. Where the file system knows no unnamed files, one whose name is gone at once. -1
// and errno where it cannot be made.
int open_unnamed(int folder, int more_flags);

}  // namespace ordeal::fault
