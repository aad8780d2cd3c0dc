#include "app/agent/rest.h"

#include <malloc.h>
#include <sys/mman.h>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::agent {
namespace {

struct Range {
  uintptr_t begin = 0, end = 0;
};

std::optional<uintptr_t> hexadecimal(std::string_view text) {
  uintptr_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Of a line of /proc/self/smaps that begins a mapping of a file which nobody writes.
std::optional<Range> unwritten_file(const std::vector<std::string_view>& words) {
  if (words.size() < 6 || words[1].size() != 4 || words[1][1] != '-' || !words[5].starts_with('/')) return std::nullopt;
  auto ends = split(words[0], '-');
  if (ends.size() != 2) return std::nullopt;
  auto begin = hexadecimal(ends[0]);
  auto end = hexadecimal(ends[1]);
  if (!begin || !end || *begin >= *end) return std::nullopt;
  return Range{*begin, *end};
}

// What the loader has written into a mapping before it made it read-only is anonymous or swapped out, and nowhere else.
void let_go_of_pages_of_files(std::string_view mappings) {
  std::optional<Range> range;
  for (std::string_view line : split(mappings, '\n')) {
    auto words = split_words(line, " ");
    if (words.size() > 3) range = unwritten_file(words);
    if (words.size() < 2) continue;
    if (words[0] == "Anonymous:" && words[1] != "0") range.reset();
    if (range && words[0] == "Swap:" && words[1] == "0")  // comes after "Anonymous:"
      ::madvise(reinterpret_cast<void*>(range->begin), range->end - range->begin, MADV_DONTNEED);
  }
}

}  // namespace

void let_go_of_memory() {
  ::malloc_trim(0);
  let_go_of_pages_of_files(read_file("/proc/self/smaps").value_or(""));
}

}  // namespace ordeal::agent
