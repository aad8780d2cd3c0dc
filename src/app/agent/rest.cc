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

// Of a line of /proc/self/maps, where it is code of a file. What is merely readable may hold what the loader has
// written into it.
std::optional<Range> code_of_file(std::string_view line) {
  auto words = split_words(line, " ");
  if (words.size() < 6 || words[1] != "r-xp" || !words[5].starts_with('/')) return std::nullopt;
  auto ends = split(words[0], '-');
  if (ends.size() != 2) return std::nullopt;
  auto begin = hexadecimal(ends[0]);
  auto end = hexadecimal(ends[1]);
  if (!begin || !end || *begin >= *end) return std::nullopt;
  return Range{*begin, *end};
}

}  // namespace

void let_go_of_memory() {
  ::malloc_trim(0);
  std::string maps = read_file("/proc/self/maps").value_or("");
  for (std::string_view line : split(maps, '\n'))
    if (auto range = code_of_file(line))
      ::madvise(reinterpret_cast<void*>(range->begin), range->end - range->begin, MADV_DONTNEED);
}

}  // namespace ordeal::agent
