#include "fault/guard/recovery/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <boost/crc.hpp>
#include <cstring>
#include <filesystem>

#include "core/base/defer.h"
#include "core/base/io/failpoint.h"
#include "core/base/io/file.h"
#include "core/json/reader.h"

namespace ordeal::guard {
namespace {

constexpr size_t kRecordBytes = 4096;
constexpr int64_t kRecords = 1024;
constexpr uint32_t kMagic = 0x4a44524f;  // "ORDJ"
constexpr uint16_t kVersion = 1;

struct Header {
  uint32_t magic = kMagic;
  uint16_t version = kVersion;
  uint16_t length = 0;  // of the JSON that follows
  uint32_t crc = 0;     // CRC-32C of that JSON
};
static_assert(sizeof(Header) == 12);
constexpr size_t kMaxPayload = kRecordBytes - sizeof(Header);

uint32_t crc32c(std::string_view text) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(text.data(), text.size());
  return crc.checksum();
}

// The JSON of one record; nothing for an unused or torn one.
std::optional<json::Value> decode_record(std::string_view block) {
  Header header;
  std::memcpy(&header, block.data(), sizeof header);
  if (header.magic != kMagic || header.version != kVersion || header.length > kMaxPayload) return std::nullopt;
  std::string_view payload = block.substr(sizeof header, header.length);
  if (crc32c(payload) != header.crc) return std::nullopt;
  auto value = json::parse(payload);
  return value ? std::optional(*value) : std::nullopt;
}

Result<> apply_record(const json::Value& value, std::map<int, fault::UndoRecord>& open) {
  json::Document document{value, {}};
  json::Reader reader(document);
  std::string type = TRY(TRY(reader.at("type")).word({"start", "undo", "done"}));
  if (type == "start") return {};
  int number = static_cast<int>(TRY(TRY(reader.at("number")).integer(0, 1 << 30)));
  if (type == "done") {
    open.erase(number);
  } else {
    open[number] = TRY(fault::undo_record_from_json(TRY(reader.at("undo")).value()));
  }
  return {};
}

Result<> sync(int fd, const std::string& path) {
  if (::fdatasync(fd) < 0) return fail_errno("cannot sync " + path);
  return {};
}

}  // namespace

Result<Journal> Journal::create(const std::string& path, const std::string& run_id) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) return fail(Errc::kRefused, path + " exists already", "run `ordeal revert`");
  if (!fd) return fail_errno("cannot create " + path);
  Defer give_up([&] { ::unlink(path.c_str()); });
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) return fail_errno("cannot lock " + path);
  if (int error = ::posix_fallocate(fd.get(), 0, kRecordBytes * kRecords))
    return fail_errno("cannot size " + path, error);
  Journal journal(path, std::move(fd));
  std::string boot_id = TRY(fault::boot_id());
  TRY_VOID(journal.append(json::Object{{"type", "start"}, {"run", run_id}, {"boot_id", boot_id}}));
  UniqueFd folder(::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) < 0) return fail_errno("cannot sync the directory of " + path);
  give_up.cancel();
  return journal;
}

Result<> Journal::append(const json::Value& value) {
  std::string payload = json::write(value);
  if (payload.size() > kMaxPayload) return fail(Errc::kRefused, "the undo record is larger than 4 KiB");
  Header header;
  header.length = static_cast<uint16_t>(payload.size());
  header.crc = crc32c(payload);
  std::string block(kRecordBytes, '\0');
  std::memcpy(block.data(), &header, sizeof header);
  std::memcpy(block.data() + sizeof header, payload.data(), payload.size());
  off_t offset = records_ * static_cast<off_t>(kRecordBytes);
  if (::pwrite(fd_.get(), block.data(), block.size(), offset) != static_cast<ssize_t>(block.size()))
    return fail_errno("cannot write " + path_);
  TRY_VOID(sync(fd_.get(), path_));
  ++records_;
  return {};
}

Result<> Journal::append_undo(int number, const fault::UndoRecord& record) {
  failpoint("reaper.before_journal");
  // What is open keeps its place for the record that it is done.
  if (records_ + open_ + 2 > kRecords)
    return fail(Errc::kRefused, fmt::format("the journal is full: {} changes are waiting to be undone", open_),
                "hit fewer victims at once");
  TRY_VOID(append(json::Object{{"type", "undo"}, {"number", number}, {"undo", to_json(record)}}));
  ++open_;
  failpoint("reaper.journalled");
  return {};
}

Result<> Journal::append_done(int number) {
  TRY_VOID(append(json::Object{{"type", "done"}, {"number", number}}));
  --open_;
  return {};
}

Result<> Journal::remove() {
  if (::unlink(path_.c_str()) < 0 && errno != ENOENT) return fail_errno("cannot remove " + path_);
  return {};
}

Result<std::map<int, fault::UndoRecord>> read_journal(const std::string& path) {
  std::string text = TRY(read_file(path, 2 * kRecordBytes * kRecords));
  return open_records(text, path);
}

Result<std::map<int, fault::UndoRecord>> open_records(std::string_view text, const std::string& path) {
  std::map<int, fault::UndoRecord> open;
  bool ended = false;
  for (size_t offset = 0; offset + kRecordBytes <= text.size(); offset += kRecordBytes) {
    auto value = decode_record(text.substr(offset, kRecordBytes));
    if (value && ended)
      return fail(Errc::kRevertFailed, fmt::format("{} is damaged at record {}", path, offset / kRecordBytes - 1),
                  "look at the record, undo what it names by hand, then delete the file");
    if (!value) {
      ended = true;
      continue;
    }
    TRY_VOID(apply_record(*value, open));
  }
  return open;
}

Result<std::vector<std::string>> runs_with_journal(const std::string& folder) {
  std::vector<std::string> runs;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".journal") runs.push_back(it->path().stem());
  if (error && error != std::errc::no_such_file_or_directory) return fail_errno("cannot read " + folder, error.value());
  return runs;
}

Result<std::optional<UniqueFd>> lock_journal(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional(std::move(fd));
  if (errno == EWOULDBLOCK) return std::nullopt;
  return fail_errno("cannot lock " + path);
}

}  // namespace ordeal::guard
