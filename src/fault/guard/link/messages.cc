#include "fault/guard/link/messages.h"

#include <fmt/format.h>

#include "core/model/fields.h"
#include "fault/guard/recovery/dead_run_fields.h"

namespace ordeal::json {

using namespace ordeal::guard;
using namespace ordeal::guard::messages;

template <>
struct Codec<packets::Exemption> : Whole<packets::Exemption, packets::exemption_from_json> {};
template <>
struct Codec<fault::UndoRecord> : Whole<fault::UndoRecord, fault::undo_record_from_json> {};

template <>
struct Shape<Share> {
  static constexpr auto kFields = std::tuple{must("part", &Share::part), must("candidates", &Share::candidates)};
};
struct HitFields {
  static constexpr auto kFields = std::tuple{must("impact", &Hit::impact),         must("victim", &Hit::victim),
                                             must("attack", &Hit::attack),         must("candidates", &Hit::candidates),
                                             must("exemptions", &Hit::exemptions), must("share", &Hit::share)};
};
struct FailureFields {
  static constexpr auto kFields = std::tuple{must("impact", &Failure::impact), must("code", &Failure::code),
                                             must("error", &Failure::error), must("hint", &Failure::hint)};
};
struct EndFields {
  static constexpr auto kFields = std::tuple{must("by", &End::by), must("why", &End::why)};
};
struct NoFields {
  static constexpr std::tuple<> kFields{};
};

template <>
struct Shape<Bye> : NoFields {
  static constexpr std::string_view kName = "bye";
};
template <>
struct Shape<Apply> : HitFields {
  static constexpr std::string_view kName = "apply";
};
template <>
struct Shape<Check> {
  static constexpr std::string_view kName = "check";
  static constexpr auto kFields = std::tuple_cat(HitFields::kFields, std::tuple{must("ahead", &Check::ahead)});
};
template <>
struct Shape<Renew> : NoFields {
  static constexpr std::string_view kName = "renew";
};
template <>
struct Shape<Revert> {
  static constexpr std::string_view kName = "revert";
  static constexpr auto kFields = std::tuple{must("why", &Revert::why)};
};
template <>
struct Shape<Ready> {
  static constexpr std::string_view kName = "ready";
  static constexpr auto kFields =
      std::tuple{must("journalled", &Ready::journalled), must("silence_ms", &Ready::silence)};
};
template <>
struct Shape<Checked> {
  static constexpr std::string_view kName = "checked";
  static constexpr auto kFields = std::tuple{must("impact", &Checked::impact)};
};
template <>
struct Shape<CheckFailed> : FailureFields {
  static constexpr std::string_view kName = "check_failed";
};
template <>
struct Shape<ApplyFailed> : FailureFields {
  static constexpr std::string_view kName = "apply_failed";
};
template <>
struct Shape<Applied> {
  static constexpr std::string_view kName = "applied";
  static constexpr auto kFields =
      std::tuple{must("impact", &Applied::impact), must("victim", &Applied::victim), must("steps", &Applied::steps),
                 must("applied_boot_ns", &Applied::applied)};
};
template <>
struct Shape<VictimGone> {
  static constexpr std::string_view kName = "victim_gone";
  static constexpr auto kFields = std::tuple{must("impact", &VictimGone::impact), must("victim", &VictimGone::victim),
                                             must("why", &VictimGone::why)};
};
template <>
struct Shape<Reverted> {
  static constexpr std::string_view kName = "reverted";
  static constexpr auto kFields = std::tuple{must("impact", &Reverted::impact),
                                             must("victim", &Reverted::victim),
                                             must("why", &Reverted::why),
                                             must("applied_boot_ns", &Reverted::applied),
                                             must("reverted_boot_ns", &Reverted::reverted),
                                             must("took_ms", &Reverted::took),
                                             must("broken", &Reverted::broken),
                                             must("clean", &Reverted::clean),
                                             must("error", &Reverted::error),
                                             must("proof", &Reverted::proof)};
};
template <>
struct Shape<Halting> : EndFields {
  static constexpr std::string_view kName = "halting";
};
template <>
struct Shape<Halted> : EndFields {
  static constexpr std::string_view kName = "halted";
};
template <>
struct Shape<NothingInForce> : NoFields {
  static constexpr std::string_view kName = "nothing_in_force";
};
template <>
struct Shape<Beat> {
  static constexpr std::string_view kName = "beat";
  static constexpr auto kFields =
      std::tuple{must("active", &Beat::active), must("progress", &Beat::progress), must("budget_ms", &Beat::budget)};
};
template <>
struct Shape<Record> {
  static constexpr std::string_view kName = "record";
  static constexpr auto kFields = std::tuple{must("number", &Record::number), must("undo", &Record::undo)};
};
template <>
struct Shape<Undo> {
  static constexpr std::string_view kName = "undo";
  static constexpr auto kFields = std::tuple{must("number", &Undo::number)};
};
template <>
struct Shape<ReaperReady> {
  static constexpr std::string_view kName = "ready";
  static constexpr auto kFields =
      std::tuple{must("own_cgroup", &ReaperReady::own_cgroup), must("pid", &ReaperReady::pid)};
};
template <>
struct Shape<Done> {
  static constexpr std::string_view kName = "done";
  static constexpr auto kFields = std::tuple{must("number", &Done::number), must("ok", &Done::ok),
                                             must("code", &Done::code), must("error", &Done::error)};
};
template <>
struct Shape<EndRun> {
  static constexpr std::string_view kName = "end_run";
  static constexpr auto kFields = std::tuple{must("grace_ms", &EndRun::grace)};
};
template <>
struct Shape<StandbyReady> {
  static constexpr std::string_view kName = "ready";
  static constexpr auto kFields = std::tuple{must("own_cgroup", &StandbyReady::own_cgroup)};
};
template <>
struct Shape<RunEnded> {
  static constexpr std::string_view kName = "ended";
  static constexpr auto kFields = std::tuple{must("run", &RunEnded::run), must("error", &RunEnded::error)};
};
template <>
struct Shape<ReplayAnswer> {
  static constexpr auto kFields = std::tuple{must("runs", &ReplayAnswer::runs), may("error", &ReplayAnswer::error),
                                             may("hint", &ReplayAnswer::hint)};
};

}  // namespace ordeal::json

namespace ordeal::guard {

template <typename Messages>
json::Object to_message(const Messages& message) {
  json::Object object{{"v", kWireVersion}, {"op", json::Tagged<Messages>::name(message)}};
  json::Tagged<Messages>::write(message, object);
  return object;
}

template <typename Messages>
Result<Messages> from_message(const json::Object& message) {
  json::Document document{message, {}};
  json::Reader reader(document);
  TRY(TRY(reader.at("v")).integer(kWireVersion, kWireVersion));
  std::string op = TRY(TRY(reader.at("op")).text());
  auto known = json::Tagged<Messages>::read(op, reader);
  if (!known) return wrap(std::move(known).error(), fmt::format("the message \"{}\" is not understood", op));
  if (!*known) return fail(Errc::kInternal, fmt::format("\"{}\" is not a known operation", op));
  return std::move(**known);
}

template json::Object to_message(const ToGuard&);
template json::Object to_message(const FromGuard&);
template json::Object to_message(const ToReaper&);
template json::Object to_message(const FromReaper&);
template json::Object to_message(const ToStandby&);
template json::Object to_message(const FromStandby&);
template Result<ToGuard> from_message(const json::Object&);
template Result<FromGuard> from_message(const json::Object&);
template Result<ToReaper> from_message(const json::Object&);
template Result<FromReaper> from_message(const json::Object&);
template Result<ToStandby> from_message(const json::Object&);
template Result<FromStandby> from_message(const json::Object&);

json::Object to_json(const ReplayAnswer& answer) { return json::Codec<ReplayAnswer>::write(answer).as_object(); }

Result<ReplayAnswer> replay_answer_from_json(const json::Value& value) {
  json::Document document{value, {}};
  return json::Codec<ReplayAnswer>::read(json::Reader(document));
}

}  // namespace ordeal::guard
