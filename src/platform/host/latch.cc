#include "platform/host/latch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/base/io/unique_fd.h"
#include "core/json/fields.h"
#include "platform/host/halt_request.h"

namespace ordeal::json {

using host::LatchState;

template <>
struct Shape<LatchState> {
  static constexpr auto kFields =
      std::tuple{must("reason", &LatchState::reason), must("by", &LatchState::by), must("since", &LatchState::since),
                 may("revert_failed", &LatchState::revert_failed)};
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
  std::string why = "the latch " + path + " cannot be read, so it counts as engaged: " + state.error().message();
  return LatchState{why, "unknown", "", true, ""};
}

bool is_readable(const LatchState& latch) { return !latch.since.empty(); }

std::optional<LatchState> read_requests(const std::string& latch) {
  auto asked = requested_halt(latch);
  if (!asked) return std::nullopt;
  return LatchState{asked->reason, asked->by, asked->since, false, latch};
}

std::string folder_of(const std::string& latch) { return std::filesystem::path(latch).parent_path(); }

enum class Disk { kWait, kDoNotWait };

Result<> write_latch(const std::string& path, const LatchState& latch, Disk disk = Disk::kWait) {
  json::Object state{{"v", 1}};
  json::write_fields(latch, state);
  auto made = make_folders(folder_of(path));
  auto write = disk == Disk::kWait ? &write_atomically : &replace_whole;
  auto written = made ? write(path, json::write_pretty(state), 0644) : made;
  // An empty file cannot be read as a latch, and so is one.
  if (written || make_empty(path) || (made && !is_missing(path))) return {};
  return written;
}

LatchState root_latch(const LatchState& asked) { return {asked.reason, asked.by, rfc3339(wall_now()), false, ""}; }

void sync_path(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (fd) (void)::fsync(fd.get());
}

// Whoever does not own the folder cannot say that it is over.
Result<> check_owner(const std::string& latch) {
  std::string folder = folder_of(latch);
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) == 0 || errno != EACCES) return {};
  return fail(Errc::kRefused, "only the owner of " + folder + " can release its latch", "run `sudo ordeal resume`");
}

}  // namespace

std::optional<LatchState> latch_engaged(const Paths& paths) {
  for (const std::string& path : paths.latches) {
    if (auto state = read_latch(path)) return state;
    if (auto asked = read_requests(path)) return asked;
  }
  return std::nullopt;
}

std::optional<LatchState> failed_revert(const Paths& paths) {
  for (const std::string& path : paths.latches)
    if (auto state = read_latch(path); state && state->revert_failed) return state;
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
  return write_latch(paths.latches.front(), {reason, by, rfc3339(wall), false, ""});
}

Result<> engage_for_failed_revert(const Paths& paths, const std::string& what, const std::string& by) {
  return write_latch(paths.latches.front(), {what, by, rfc3339(wall_now()), true, ""});
}

Result<> engage_for_person(const Paths& paths, const std::string& reason, const std::string& by) {
  const std::string& path = paths.latches.front();
  if (auto latch = read_latch(path); latch && latch->revert_failed && is_readable(*latch)) return {};
  auto asked = ::geteuid() == 0 ? read_requests(path) : std::nullopt;
  return asked ? write_latch(path, root_latch(*asked)) : engage_latch(paths, reason, by, wall_now());
}

Result<> adopt_requests(const Paths& paths) {
  if (::geteuid() != 0) return {};
  remove_old_requests(paths);
  for (const std::string& path : paths.latches) {
    auto asked = read_requests(path);
    if (asked && !read_latch(path)) TRY_VOID(write_latch(path, root_latch(*asked)));
  }
  return {};
}

Result<> adopt_request(const LatchState& asked) {
  const std::string& path = asked.requested_beside;
  if (path.empty() || ::geteuid() != 0 || read_latch(path)) return {};
  return write_latch(path, root_latch(asked), Disk::kDoNotWait);
}

void sync_adopted(const LatchState& asked) {
  if (asked.requested_beside.empty() || ::geteuid() != 0) return;
  sync_path(asked.requested_beside);
  sync_path(folder_of(asked.requested_beside));
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
