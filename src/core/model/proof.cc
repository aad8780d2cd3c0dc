#include "core/model/proof.h"

#include <fmt/format.h>

#include "core/json/fields.h"

namespace ordeal {
namespace {

constexpr double kAny = 1e300;

json::Value coverage_json(const Coverage& coverage) {
  return json::Object{{"what", coverage.what},
                      {"affected", coverage.affected},
                      {"missed", coverage.missed},
                      {"unit", coverage.unit},
                      {"missing", coverage.missing}};
}

Result<Coverage> coverage_from(const json::Reader& reader) {
  Coverage coverage;
  coverage.affected = TRY(TRY(reader.at("affected")).number(0, kAny));
  coverage.missed = TRY(TRY(reader.at("missed")).number(0, kAny));
  for (auto [key, text] :
       {std::pair{"what", &coverage.what}, {"unit", &coverage.unit}, {"missing", &coverage.missing}}) {
    *text = TRY(json::Codec<std::string>::read(TRY(reader.at(key))));
  }
  return coverage;
}

// Two digits are enough to see how much is missing; rounding must not make 100 % of less.
double shown_percent(double share) { return std::min(share * 100, share < 1 ? 99.9 : 100.0); }

}  // namespace

std::optional<double> Coverage::share() const {
  if (affected + missed <= 0) return std::nullopt;
  return affected / (affected + missed);
}

std::string shortfall(const Coverage& coverage) {
  auto share = coverage.share();
  if (!share || *share >= kLeastCoverage) return {};
  std::string text = fmt::format("only {:.1f} % of what should have been hit ({}, {}) was hit, {:g} % are needed",
                                 shown_percent(*share), coverage.what, coverage.unit, kLeastCoverage * 100);
  return coverage.missing.empty() ? text : text + ": " + coverage.missing;
}

json::Value to_json(const Proof& proof) {
  json::Array coverage;
  for (const Coverage& part : proof.coverage) coverage.push_back(coverage_json(part));
  json::Array moments;
  for (BootTime moment : proof.moments) moments.push_back(json::Codec<BootTime>::write(moment));
  return json::Object{{"proven", proof.proven},
                      {"measured", proof.measured},
                      {"reason", proof.reason},
                      {"asked", proof.asked},
                      {"got", proof.got},
                      {"unit", proof.unit},
                      {"coverage", std::move(coverage)},
                      {"lasting", proof.lasting},
                      {"may_return", proof.may_return},
                      {"done_boot_ns", std::move(moments)}};
}

Result<Proof> proof_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  Proof proof;
  proof.proven = TRY(TRY(reader.at("proven")).boolean());
  proof.asked = TRY(TRY(reader.at("asked")).number(-kAny, kAny));
  proof.got = TRY(TRY(reader.at("got")).number(-kAny, kAny));
  for (auto [key, text] : {std::pair{"measured", &proof.measured}, {"reason", &proof.reason}, {"unit", &proof.unit}}) {
    *text = TRY(json::Codec<std::string>::read(TRY(reader.at(key))));
  }
  if (auto lasting = TRY(reader.find("lasting"))) proof.lasting = TRY(json::Codec<std::string>::read(*lasting));
  auto may_return = TRY(reader.find("may_return"));  // in older versions whatever lasted was a kill
  proof.may_return = may_return ? TRY(may_return->boolean()) : !proof.lasting.empty();
  if (auto moments = TRY(reader.find("done_boot_ns")))
    for (const json::Reader& moment : TRY(moments->items()))
      proof.moments.push_back(TRY(json::Codec<BootTime>::read(moment)));
  if (auto parts = TRY(reader.find("coverage")))
    for (const json::Reader& part : TRY(parts->items())) proof.coverage.push_back(TRY(coverage_from(part)));
  return proof;
}

}  // namespace ordeal
