#include "run/report/terminal/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text/printable.h"
#include "core/base/text/text.h"
#include "run/report/html/scale.h"
#include "run/report/terminal/columns.h"

namespace ordeal::report {
namespace {

constexpr size_t kHistory = 40;
constexpr size_t kStateWidth = 13;  // "judged during"
constexpr Nanos kReadingsEvery = 5s;
constexpr size_t kBesideName = 2 + 10 + 11 + kStateWidth + 2;  // mark, value, limit, state

struct StateWords {
  const char *mark, *word;
  Tone tone;
};
StateWords words_of(Reading reading) {
  static constexpr std::array<StateWords, 4> kWords{{{"✓", "holds", Tone::kGood},
                                                     {"✕", "BREACHED", Tone::kBad},
                                                     {"?", "undecided", Tone::kNeutral},
                                                     {"–", "no data", Tone::kNeutral}}};
  return kWords[static_cast<size_t>(reading)];
}

void put(std::vector<std::string>& lines, const std::string& text, const TerminalStyle& style) {
  lines.push_back(fit(text, style.width));
}

}  // namespace

void TerminalView::on(const events::Run& run, const RunEvent& event) {
  run_ = event.run;
  begin_ = phase_begin_ = readings_shown_ = event.boot;
  name_ = printable(run.name);
  hypothesis_ = printable(run.hypothesis);
  expectations_ = expectations_of(run);
  rows_.assign(expectations_.size(), Row());
  due_.push_back(fmt::format("{}  {}", name_, run_));
  if (!hypothesis_.empty()) due_.push_back("hypothesis: " + hypothesis_);
  due_.push_back("attack: " + printable(attack_in_words(run.attack, run.victims, run.parts)));
}

void TerminalView::on(const events::Look& look, const RunEvent& event) {
  if (look.expectation >= rows_.size()) return;
  Row& row = rows_[look.expectation];
  row.judged = expectations_[look.expectation].counts_in(look.phase);
  if (row.judged) {
    Reading before = std::exchange(row.reading, look.reading);
    if (row.seen && before != row.reading)
      due_.push_back(stamped(event.boot, printable(describe(event, expectations_).text)));
  }
  row.seen = readings_fresh_ = true;
  row.value = look.value;
  row.history.push_back(row.value);
  if (row.history.size() > kHistory) row.history.pop_front();
}

void TerminalView::take(const RunEvent& event) {
  if (const auto* phase = as<events::PhaseBegun>(event)) {
    phase_ = phase->phase;
    phase_begin_ = event.boot;
    phase_length_ = phase->length;
  }
  if (const auto* injected = as<events::Injected>(event))
    in_force_[injected->impact] = {printable(title_of(injected->victim, injected->part)),
                                   injected->steps.empty() ? "" : printable(injected->steps.front().action)};
  const auto* begun = as<events::Injected>(event);
  if (begun && is_one_way(begun->steps)) one_way_.insert(begun->impact);
  if (const auto* gone = as<events::VictimGone>(event)) in_force_.erase(gone->impact);
  if (const auto* reverted = as<events::Reverted>(event)) in_force_.erase(reverted->impact);
  const auto* breach = as<events::Breach>(event);
  if (breach && breached_.insert(breach->expectation).second)
    breaches_.push_back(fmt::format("✕ breach at {:.1f} s: {}", to_seconds(event.boot - begin_),
                                    printable(describe(event, expectations_).text)));
}

void TerminalView::apply(const RunEvent& event) {
  if (const auto* run = as<events::Run>(event)) return on(*run, event);
  if (const auto* look = as<events::Look>(event)) return on(*look, event);
  if (as<events::Unknown>(event)) return;
  take(event);
  EventText text = describe_here(event);
  std::string line = printable(text.kind + ": " + text.text);
  if (!text.detail.empty()) line += " (" + printable(text.detail) + ")";
  if (!as<events::Ended>(event)) due_.push_back(stamped(event.boot, line));
  if (!as<events::PhaseBegun>(event)) last_ = {text.tone, text.kind, line, {}};
}

EventText TerminalView::describe_here(const RunEvent& event) const {
  EventText text = describe(event, expectations_);
  const auto* reverted = as<events::Reverted>(event);
  if (reverted && one_way_.count(reverted->impact) && reverted->result == events::RevertResult::kClean)
    return {Tone::kNeutral, "attack off", title_of(reverted->victim, reverted->part) + ": nothing to revert",
            reverted->error};
  return text;
}

std::string TerminalView::stamped(BootTime at, const std::string& text) const {
  return fmt::format("{:>6.1f}s  {}", to_seconds(at - begin_), text);
}

std::string TerminalView::phase_line(BootTime now) const {
  std::string line = fmt::format("{}  {}", format_elapsed(now - begin_), name_of(phase_));
  if (phase_length_ <= 0s) return line;
  Nanos left = std::max<Nanos>(phase_length_ - (now - phase_begin_), 0s);
  // Rounded up: the countdown shows 0:00 only when the time is over.
  return line + fmt::format(", {} left of {}", format_elapsed(left + 999ms), format_elapsed(phase_length_));
}

// One for each; of more than `most`, the last one counts the others.
std::vector<std::string> TerminalView::impact_lines(size_t most) const {
  if (in_force_.empty()) return {"no fault in force"};
  std::vector<std::string> lines{counted(in_force_.size(), "fault in force", "faults in force")};
  for (const auto& [id, impact] : in_force_) {
    if (lines.size() == most && in_force_.size() > most) {
      lines.push_back(fmt::format("  and {} more", in_force_.size() - most + 1));
      break;
    }
    lines.push_back("  " + impact.victim + (impact.does.empty() ? "" : ": " + impact.does));
  }
  return lines;
}

// "judged after": what is read now does not count; the word tells which time does, the next one where there is one.
std::string TerminalView::state_of(size_t index) const {
  const Row& row = rows_[index];
  if (!row.seen) return "waiting";
  if (row.judged) return words_of(row.reading).word;
  const std::vector<WhenSummary>& times = expectations_[index].when;
  bool early = phase_ < Phase::kInject && times.size() > 1;
  return std::string("judged ") + to_text(early ? times.front().when : times.back().when);
}

std::string TerminalView::row_line(size_t index, const TerminalStyle& style) const {
  const Row& row = rows_[index];
  const ExpectationSummary& expectation = expectations_[index];
  size_t width = name_width(style);
  std::string value = row.value ? format_value(*row.value, unit_of(expectation)) : "–";
  std::string limit = expectation.threshold ? expectation.threshold->op + " " +
                                                  format_value(expectation.threshold->value, unit_of(expectation))
                                            : printable(expectation.condition);
  StateWords words = row.judged ? words_of(row.reading) : StateWords{"·", "", Tone::kNeutral};
  std::string shown_value = padded_left(value, 9);
  if (row.seen && !row.judged) shown_value = coloured(shown_value, Tone::kNeutral, style);
  std::string line =
      fmt::format("{} {} {} {} ", coloured(words.mark, words.tone, style),
                  padded(fit(printable(expectation.name), width), width), shown_value, padded(limit, 10));
  // What is left of the width is the sparkline's; the state word must always be seen.
  size_t used = width + kBesideName;
  size_t room = style.width > used ? std::min(style.width - used, kHistory) : 0;
  return line + coloured(padded(state_of(index), kStateWidth), words.tone, style) + sparkline(row.history, room);
}

// The longest name in full where there is room for it; else what the other columns leave.
size_t TerminalView::name_width(const TerminalStyle& style) const {
  size_t longest = 10;
  for (const ExpectationSummary& expectation : expectations_)
    longest = std::max(longest, columns(printable(expectation.name)));
  size_t room = style.width > kBesideName ? style.width - kBesideName : 0;
  return std::clamp<size_t>(longest, 10, std::max<size_t>(room, 10));
}

// Those that are breached first, where there is not room for all.
std::vector<std::string> TerminalView::row_lines(size_t most, const TerminalStyle& style) const {
  std::vector<std::string> lines;
  size_t left_out = rows_.size() > most ? rows_.size() - most + 1 : 0;
  size_t skipped = 0;
  for (size_t i = 0; i < rows_.size(); ++i) {
    bool bad = breached_.count(i) || (rows_[i].judged && rows_[i].reading == Reading::kBreached);
    if (skipped < left_out && !bad) {
      ++skipped;
      continue;
    }
    put(lines, row_line(i, style), style);
  }
  if (skipped > 0) put(lines, fmt::format("· and {} more", skipped), style);
  return lines;
}

std::vector<std::string> TerminalView::frame(BootTime now, const TerminalStyle& style) const {
  bool tight = style.height > 0 && style.height < rows_.size() + in_force_.size() + breaches_.size() + 8;
  std::vector<std::string> impacts = impact_lines(tight ? 3 : 40);
  size_t fixed = 3 + impacts.size() + breaches_.size();  // the name, the phase and the last event too
  size_t room = !tight ? rows_.size() : style.height > fixed + 1 ? style.height - fixed : 1;
  std::vector<std::string> lines;
  put(lines, bold(name_, style) + "  " + coloured(run_, Tone::kNeutral, style), style);
  if (!tight && !hypothesis_.empty()) put(lines, hypothesis_, style);
  if (!tight) put(lines, "", style);
  for (std::string& line : row_lines(room, style)) lines.push_back(std::move(line));
  if (!tight) put(lines, "", style);
  put(lines, phase_line(now), style);
  for (const std::string& line : impacts)
    put(lines, in_force_.empty() ? coloured(line, Tone::kNeutral, style) : bold(line, style), style);
  if (last_.kind != "breach") put(lines, coloured(last_.text, last_.tone, style), style);
  for (const std::string& line : breaches_) put(lines, coloured(line, Tone::kBad, style), style);
  return lines;
}

std::string TerminalView::readings_line() const {
  std::vector<std::string> parts;
  for (size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].seen)
      parts.push_back(fmt::format("{} {} ({})", printable(expectations_[i].name),
                                  rows_[i].value ? format_value(*rows_[i].value, unit_of(expectations_[i])) : "–",
                                  state_of(i)));
  return join(parts, ", ");
}

std::vector<std::string> TerminalView::new_lines(BootTime now) {
  if (readings_fresh_ && now - readings_shown_ >= kReadingsEvery) {
    due_.push_back(stamped(now, readings_line()));
    readings_shown_ = now;
    readings_fresh_ = false;
  }
  return std::exchange(due_, {});
}

}  // namespace ordeal::report
