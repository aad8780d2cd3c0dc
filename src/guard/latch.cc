#include "guard/latch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "json/reader.h"

namespace ordeal::guard {
namespace {

Result<LatchState> decode(const std::string& text) {
  json::Document document{TRY(json::parse(text)), {}};
  json::Reader reader(document);
  LatchState latch;
  latch.reason = TRY(TRY(reader.at("reason")).text());
  latch.by = TRY(TRY(reader.at("by")).text());
  latch.since = TRY(TRY(reader.at("since")).text());
  return latch;
}

}  // namespace

std::optional<LatchState> latch_engaged(const Paths& paths) {
  for (const std::string& path : paths.latches) {
    auto text = read_file(path);
    if (!text && text.error().sys_errno == ENOENT) continue;
    auto state = text ? decode(*text) : tl::unexpected(text.error());
    if (state) return *state;
    return LatchState{"the latch cannot be read, so it counts as engaged: " + state.error().message(), "unknown", ""};
  }
  return std::nullopt;
}

Result<> engage_latch(const Paths& paths, const std::string& reason, const std::string& by, Nanos wall) {
  TRY_VOID(make_folders(paths.state));
  json::Object state{{"v", 1}, {"reason", reason}, {"by", by}, {"since", rfc3339(wall)}};
  return write_atomically(paths.latches.front(), json::write_pretty(state));
}

Result<bool> release_latch(const Paths& paths) {
  const std::string& path = paths.latches.front();
  if (::unlink(path.c_str()) == 0) return true;
  if (errno != ENOENT) return fail_errno("cannot release the latch " + path);
  return false;
}

}  // namespace ordeal::guard
