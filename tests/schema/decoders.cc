#include "schema/decoders.h"

#include <map>

#include "core/model/input/experiment.h"
#include "core/model/input/inventory.h"
#include "core/model/input/policy.h"
#include "fault/attacks/scheduled.h"

namespace ordeal::schema {
namespace {

Result<> experiment(const json::Document& document) {
  Experiment decoded = TRY(decode_experiment(document));
  TRY_VOID(fault::resolve_all(decoded));
  return {};
}

Result<> expectations(const json::Document& document) {
  Experiment bare;
  return merge_expectations(bare, document);
}

Result<> inventory(const json::Document& document) {
  TRY_VOID(decode_inventory(document));
  return {};
}

Result<> policy(const json::Document& document) {
  TRY_VOID(decode_policy(document, "policy.yaml"));
  return {};
}

}  // namespace

Result<> decode_as(std::string_view format, const json::Document& document) {
  using Decode = Result<> (*)(const json::Document&);
  static const std::map<std::string_view, Decode> decoders{
      {"experiment", experiment}, {"expectations", expectations}, {"inventory", inventory}, {"policy", policy}};
  auto found = decoders.find(format);
  if (found == decoders.end()) return fail(Errc::kInternal, "no such format");
  return found->second(document);
}

Result<> decode_text_as(std::string_view format, std::string_view text) {
  json::Document document = TRY(json::parse_document(text));
  return decode_as(format, document);
}

}  // namespace ordeal::schema
