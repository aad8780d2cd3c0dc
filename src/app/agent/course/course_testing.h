// A Course with a clock, driven through its stages by a test. Not for programs.
#pragma once

#include <gtest/gtest.h>

#include "app/agent/course/course.h"

namespace ordeal::agent {

using guard::GuardEvent;
using Type = GuardEvent::Type;

inline constexpr const char* kRun = "r20261130t050000z-abcde";

inline cluster::InjectionSpec spec_of(int impacts) {
  cluster::InjectionSpec spec;
  spec.run = kRun;
  spec.experiment = "slow";
  spec.experiment_uid = "u1";
  spec.node = "n1";
  spec.lease = 15s;
  for (int i = 0; i < impacts; ++i) {
    cluster::PlannedImpact impact;
    impact.id = i + 10;
    impact.victim = {"pod", "shop", "api-" + std::to_string(i), "pod-uid", "", ""};
    impact.attack.type = "latency";
    spec.impacts.push_back(std::move(impact));
  }
  return spec;
}

inline ExperimentLook look(int64_t count = 1) {
  ExperimentLook look{"u1", false, kRun, {}};
  look.renewal.count = count;
  return look;
}

template <typename T>
size_t number_of(const ToDos& todos) {
  return static_cast<size_t>(
      std::count_if(todos.begin(), todos.end(), [](const ToDo& one) { return std::holds_alternative<T>(one); }));
}

// A course with a clock, driven through its stages.
struct Driven {
  explicit Driven(cluster::InjectionSpec spec) : course(std::move(spec), "agent-1/boot", WallOffset{}) {
    done = course.start(now);
  }
  ToDos feed(Happened what) { return done = course.handle(now, std::move(what)); }
  ToDos read(std::optional<ExperimentLook> what) { return feed(happened::ReadExperiment{std::move(what), now}); }
  ToDos guard(Type kind, int impact = -1) {
    GuardEvent event;
    event.kind = kind;
    event.impact = impact;
    event.applied = now - 1s;
    event.reverted = now;
    event.took = 3ms;
    return guard(event);
  }
  ToDos guard(GuardEvent event) { return feed(happened::GuardSaid{std::move(event)}); }
  ToDos pass(Nanos time) {
    now += time;
    done = course.tick(now);
    ToDos asked = done;
    for (const ToDo& one : asked) {
      if (reads_halt && std::holds_alternative<todo::ReadHalt>(one)) more(happened::SawHalt{std::nullopt, true});
      if (looks_again && std::holds_alternative<todo::LookAgain>(one)) more(happened::LookedAgain{victims(), now});
    }
    return done;
  }
  void more(Happened what) {
    for (ToDo& one : course.handle(now, std::move(what))) done.push_back(std::move(one));
  }
  std::vector<Result<Victim>> victims() const {
    std::vector<Result<Victim>> found;
    for (const auto& impact : course.spec().impacts) {
      Victim victim;
      victim.name = impact.victim.pod;
      found.emplace_back(std::move(victim));
    }
    return found;
  }
  ToDos find() { return feed(happened::FoundVictims{victims()}); }
  void begin() {
    read(look());
    feed(happened::SawHalt{std::nullopt, true});
    find();
    feed(happened::GuardReady{});
  }
  void inject() {
    begin();
    for (const auto& impact : course.spec().impacts) guard(Type::kApplied, impact.id);
  }
  // Whoever asked for it: reverted, written, released.
  void finish() {
    ASSERT_EQ(number_of<todo::RevertAll>(done), 1u);
    for (const auto& impact : course.spec().impacts) guard(Type::kReverted, impact.id);
    guard(Type::kNothingInForce);
    ASSERT_EQ(number_of<todo::EndGuard>(done), 1u);
    feed(happened::GuardEnded{});
    ASSERT_EQ(number_of<todo::WriteStatus>(done), 1u);
    feed(happened::StatusWritten{});
    ASSERT_EQ(number_of<todo::Release>(done), 1u);
    feed(happened::Released{});
    ASSERT_TRUE(course.finished());
  }
  const cluster::ImpactStatus& impact(size_t i) { return course.status().impacts[i]; }

  bool reads_halt = true, looks_again = true;  // what pass() asks for is answered at once, and forbids nothing
  BootTime now{100s};
  Course course;
  ToDos done;
};

}  // namespace ordeal::agent
