#include "platform/host/latch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/json/fields.h"
#include "platform/host/halt_request.h"

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

std::optional<LatchState> read_latch(const std::string& path) {
  auto text = read_file(path);
  // Looked at after the try to read it: one that was released meanwhile is none.
  if (!text && is_missing(path)) return std::nullopt;
  auto state = text ? decode_latch(*text) : tl::unexpected(text.error());
  if (state) return *state;
  return LatchState{"the latch cannot be read, so it counts as engaged: " + state.error().message(), "unknown", ""};
}

// Whoever does not own the folder cannot say that it is over.
Result<> check_owner(const std::string& latch) {
  std::string folder = std::filesystem::path(latch).parent_path();
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) == 0 || errno != EACCES) return {};
  return fail(Errc::kRefused, "only the owner of " + folder + " can release its latch", "run `sudo ordeal resume`");
}

}  // namespace

std::optional<LatchState> latch_engaged(const Paths& paths) {
  for (const std::string& path : paths.latches) {
    if (auto state = read_latch(path)) return state;
    if (auto asked = requested_halt(path)) return LatchState{asked->reason, asked->by, asked->since};
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

Result<> adopt_requests(const Paths& paths) {
  const std::string& path = paths.latches.front();
  if (::geteuid() != 0) return {};
  remove_old_requests(paths);
  if (read_latch(path)) return {};
  auto asked = requested_halt(path);
  return asked ? engage_latch(paths, asked->reason, asked->by, wall_now()) : Result<>{};
}

Result<bool> release_latch(const Paths& paths) {
  const std::string& path = paths.latches.front();
  TRY_VOID(check_owner(path));
  bool asked = TRY(remove_requests(paths));
  if (::unlink(path.c_str()) == 0) return true;
  if (errno != ENOENT) return fail_errno("cannot release the latch " + path);
  return asked;
}

}  // namespace ordeal::host
