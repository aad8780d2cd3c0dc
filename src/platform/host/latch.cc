#include "platform/host/latch.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/json/fields.h"

namespace ordeal::json {

using host::LatchState;

template <>
struct Shape<LatchState> {
  static constexpr auto kFields =
      std::tuple{must("reason", &LatchState::reason), must("by", &LatchState::by), must("since", &LatchState::since)};
};

}  // namespace ordeal::json

namespace ordeal::host {
namespace {

Result<LatchState> decode_latch(const std::string& text) {
  json::Document document{TRY(json::parse(text)), {}};
  return json::Codec<LatchState>::read(json::Reader(document));
}

// Nothing of this name can be there: neither it nor a link on the way that leads nowhere.
bool is_missing(const std::filesystem::path& path) {
  struct stat is {};
  if (::lstat(path.c_str(), &is) == 0 || errno != ENOENT) return false;
  for (auto folder = path.parent_path(); folder.has_relative_path(); folder = folder.parent_path())
    if (::lstat(folder.c_str(), &is) == 0) return !S_ISLNK(is.st_mode) || ::stat(folder.c_str(), &is) == 0;
  return true;
}

}  // namespace

std::optional<LatchState> latch_engaged(const Paths& paths) {
  for (const std::string& path : paths.latches) {
    auto text = read_file(path);
    // Looked at after the try to read it: one that was released meanwhile is none.
    if (!text && is_missing(path)) continue;
    auto state = text ? decode_latch(*text) : tl::unexpected(text.error());
    if (state) return *state;
    return LatchState{"the latch cannot be read, so it counts as engaged: " + state.error().message(), "unknown", ""};
  }
  return std::nullopt;
}

Result<> check_latch(const Paths& paths) {
  auto latch = latch_engaged(paths);
  if (!latch) return {};
  return fail(Errc::kRefused,
              fmt::format("the halt latch is engaged by {} since {}: {}", latch->by, latch->since, latch->reason),
              "`ordeal resume` releases it");
}

Result<> engage_latch(const Paths& paths, const std::string& reason, const std::string& by, Nanos wall) {
  const std::string& path = paths.latches.front();
  json::Object state{{"v", 1}};
  json::write_fields(LatchState{reason, by, rfc3339(wall)}, state);
  auto made = make_folders(paths.state);
  auto written = made ? write_atomically(path, json::write_pretty(state)) : made;
  // An empty file cannot be read as a latch, and so is one.
  if (written || make_empty(path) || (made && !is_missing(path))) return {};
  return written;
}

Result<bool> release_latch(const Paths& paths) {
  const std::string& path = paths.latches.front();
  if (::unlink(path.c_str()) == 0) return true;
  if (errno != ENOENT) return fail_errno("cannot release the latch " + path);
  return false;
}

}  // namespace ordeal::host
