// What a program that waits for days can do without, given back: free heap, and the pages of its programs and libraries
// that only its beginning or its last run has needed. They come back from the file when they are needed again.
#pragma once

namespace ordeal::agent {

void let_go_of_memory();

}  // namespace ordeal::agent
