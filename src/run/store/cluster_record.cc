#include "run/store/cluster_record.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>

#include "core/base/text/text.h"

namespace ordeal::store {
namespace {

constexpr int kGzip = 15 + 16;  // zlib's word for gzip with the largest window
constexpr size_t kPiece = size_t{32} << 10;

Bytef* bytes(std::string_view text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); }

class Inflation {
 public:
  Inflation() { good_ = ::inflateInit2(&stream_, kGzip) == Z_OK; }
  Inflation(const Inflation&) = delete;
  Inflation& operator=(const Inflation&) = delete;
  ~Inflation() { ::inflateEnd(&stream_); }

  // Appends to `text`; false when it is no whole gzip, or too much.
  bool expand(std::string_view gzip, size_t most, std::string& text) {
    stream_.next_in = bytes(gzip);
    stream_.avail_in = static_cast<uInt>(gzip.size());
    std::array<char, kPiece> piece;
    int said = good_ ? Z_OK : Z_MEM_ERROR;
    while (said == Z_OK && text.size() <= most) {
      stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_.avail_out = piece.size();
      said = ::inflate(&stream_, Z_NO_FLUSH);
      text.append(piece.data(), piece.size() - stream_.avail_out);
    }
    return said == Z_STREAM_END && text.size() <= most;
  }

 private:
  z_stream stream_{};
  bool good_ = false;
};

json::Value first_line(const NewRun& run) {
  return json::Object{{"id", run.id},
                      {"name", run.name},
                      {"started", rfc3339(run.started)},
                      {"experiment", run.experiment},
                      {"plan", run.plan}};
}

Unexpected damaged(const std::string& what) {
  return fail(Errc::kInvalidInput, fmt::format("the record in the cluster cannot be read: {}", what),
              "its ConfigMaps are labelled ordeal.dev/record=true; was one of them deleted or changed?");
}

std::string text_of(const json::Object& object, const char* key) {
  const json::Value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

Result<> read_head(const json::Value& line, RecordedRun& run) {
  const json::Object* head = line.if_object();
  if (!head || text_of(*head, "id").empty()) return damaged("its first line is not that of a run");
  run.row = {text_of(*head, "id"), text_of(*head, "name"), text_of(*head, "started"), "running", std::nullopt};
  if (const json::Value* experiment = head->if_contains("experiment")) run.experiment = *experiment;
  if (const json::Value* plan = head->if_contains("plan")) run.plan = *plan;
  return {};
}

void take_verdict(const RunEvent& event, RunRow& row) {
  const auto* ended = as<events::Ended>(event);
  if (!ended) return;
  row.verdict = to_text(ended->verdict.outcome);
  row.exit = static_cast<int>(exit_code_of(ended->verdict.outcome));
}

void tell_left_out(int64_t left_out, RecordedRun& run) {
  if (left_out == 0 || run.events.empty()) return;
  RunEvent note = run.events.back();
  note.data = events::Note{events::Level::kWarning,
                           fmt::format("the record was full: {} looks at expectations were left out of it", left_out)};
  run.events.insert(run.events.end() - 1, std::move(note));
}

Result<> read_lines(std::string_view text, RecordedRun& run) {
  int64_t left_out = 0;
  for (std::string_view line : split_words(text, "\n")) {
    auto value = json::parse(line);
    if (!value) return damaged(value.error().message());
    if (run.row.id.empty()) {
      TRY_VOID(read_head(*value, run));
      continue;
    }
    const json::Object* object = value->if_object();
    const json::Value* count = object ? object->if_contains("left_out") : nullptr;
    if (count && count->is_number()) {
      left_out = count->to_number<int64_t>();
      continue;
    }
    auto event = run_event_from_json(*value);
    if (!event) return damaged(event.error().message());
    take_verdict(*event, run.row);
    run.events.push_back(std::move(*event));
  }
  if (run.row.id.empty()) return damaged("it is empty");
  tell_left_out(left_out, run);
  return {};
}

}  // namespace

// What was written so far is compressed as it comes; taking a part costs no more than its end.
class ClusterRecord::Stream {
 public:
  Stream() {
    if (::deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { ::deflateEnd(&stream_); }

  void add(std::string_view text) { run(stream_, text, Z_NO_FLUSH, out_); }
  size_t size() const { return out_.size(); }
  // As it would be if it ended with `last`; more may be added afterwards all the same.
  std::string whole(std::string_view last) {
    z_stream copy{};
    if (::deflateCopy(&copy, &stream_) != Z_OK) throw std::bad_alloc();
    std::string gzip = out_;
    run(copy, last, Z_FINISH, gzip);
    ::deflateEnd(&copy);
    return gzip;
  }

 private:
  static void run(z_stream& stream, std::string_view text, int flush, std::string& out) {
    std::array<char, kPiece> piece;
    stream.next_in = bytes(text);
    stream.avail_in = static_cast<uInt>(text.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = piece.size();
      ::deflate(&stream, flush);
      out.append(piece.data(), piece.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }

  z_stream stream_{};
  std::string out_;
};

ClusterRecord::ClusterRecord(const NewRun& run) : stream_(std::make_unique<Stream>()) {
  add(json::write(first_line(run)));
}

ClusterRecord::ClusterRecord(ClusterRecord&&) noexcept = default;
ClusterRecord& ClusterRecord::operator=(ClusterRecord&&) noexcept = default;
ClusterRecord::~ClusterRecord() = default;

void ClusterRecord::append(const RunEvent& event) {
  if (index_ >= kPartsWithLooks && as<events::Look>(event)) {
    ++left_out_;
    changed_ = true;
    return;
  }
  add(json::write(to_json(event)));
}

void ClusterRecord::add(const std::string& line) {
  stream_->add(line + "\n");
  changed_ = true;
  if (stream_->size() < kPartBytes || index_ + 1 >= kMostParts) return;
  sealed_.push_back({index_++, true, stream_->whole("")});
  stream_ = std::make_unique<Stream>();
}

bool ClusterRecord::changed() const { return changed_; }

std::vector<RecordPart> ClusterRecord::take_changed() {
  std::vector<RecordPart> parts = std::exchange(sealed_, {});
  if (!std::exchange(changed_, false)) return parts;
  std::string last = left_out_ > 0 ? fmt::format("{{\"left_out\":{}}}\n", left_out_) : "";
  parts.push_back({index_, false, stream_->whole(last)});
  return parts;
}

RecordPart closing_part(int index, const std::vector<RunEvent>& events) {
  ClusterRecord::Stream stream;
  for (const RunEvent& event : events) stream.add(json::write(to_json(event)) + "\n");
  return {index, true, stream.whole("")};
}

Result<RecordedRun> read_cluster_record(std::vector<RecordPart> parts, size_t most) {
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].index != static_cast<int>(i)) return damaged(fmt::format("part {} is missing", i));
    if (!Inflation().expand(parts[i].gzip, most, text))
      return damaged(fmt::format("part {} is no whole gzip, or too much", i));
  }
  RecordedRun run;
  TRY_VOID(read_lines(text, run));
  return run;
}

}  // namespace ordeal::store
