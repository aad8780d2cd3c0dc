#include "run/session/inputs/recorded_delays.h"

#include <filesystem>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::session {

Result<> read_recorded_delays(Attack& attack, const std::string& from) {
  json::Value* given = attack.args.if_contains("recorded");
  if (attack.type != "latency" || !given || !given->is_string() || !given->get_string().starts_with('@')) return {};
  std::filesystem::path file(std::string(given->get_string()).substr(1));
  auto text = read_file(std::filesystem::path(from).parent_path() / file);
  if (!text) return refuse_field(attack, "args.recorded", text.error().message());
  json::Array delays;
  for (std::string_view word : split_words(*text, " \t\r\n,")) delays.push_back(json::Value(word));
  *given = std::move(delays);
  return {};
}

}  // namespace ordeal::session
