#include "fault/guard/standing_rules.h"

#include <fmt/format.h>

namespace ordeal::guard {
namespace {

Result<std::vector<InventoryEntry>> decode_rules(const std::string& inventory) {
  if (inventory.empty()) return std::vector<InventoryEntry>{};
  auto document = json::parse_document(inventory);
  if (!document) return wrap(document.error(), "the inventory");
  auto entries = decode_inventory(*document);
  if (!entries) return wrap(entries.error(), "the inventory");
  return entries;
}

Unexpected unknown_rules(Error error) {
  error.code = Errc::kRefused;
  return wrap(std::move(error), "it is not known which policy applies now");
}

}  // namespace

Result<StandingRules> StandingRules::read(std::vector<std::string> files, const std::string& inventory,
                                          std::string host_policy, sys::Trust trust) {
  StandingRules rules;
  rules.files_ = std::move(files);
  rules.inventory_ = TRY(decode_rules(inventory));
  rules.host_policy_ = std::move(host_policy);
  rules.trust_ = trust;
  TRY_VOID(rules.adopt(TRY(host::read_policy_texts(rules.files_, rules.host_policy_, trust))));
  return rules;
}

Result<> StandingRules::adopt(host::PolicyTexts texts) {
  policies_ = TRY(host::decode_policies(texts));
  protection_ = std::make_unique<fault::Protection>(TRY(fault::Protection::create(policies_, inventory_)));
  texts_ = std::move(texts);
  ++version_;
  return {};
}

Result<> StandingRules::refresh() {
  auto texts = host::read_policy_texts(files_, host_policy_, trust_);
  if (!texts) return unknown_rules(texts.error());
  if (*texts == texts_) return {};
  auto of_host = [&](const host::PolicyTexts& some) { return !some.empty() && some.front().first == host_policy_; };
  if (of_host(texts_) && !of_host(*texts))
    return fail(Errc::kRefused, host_policy_ + " existed when the run began, and is gone");
  auto adopted = adopt(std::move(*texts));
  if (!adopted) return unknown_rules(adopted.error());
  return {};
}

}  // namespace ordeal::guard
