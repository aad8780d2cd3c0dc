#include "run/store/cluster_record.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/random.h"

namespace ordeal::store {
namespace {

NewRun some_run() {
  return {"r20261123t201504z-k3x5q", "cart", Nanos(1'795'464'904'000'000'000), json::Object{{"name", "cart"}},
          json::Object{{"victims", json::Array{"shop/cart-1"}}}};
}

RunEvent event(int64_t seq, events::Data data) {
  return {seq, some_run().id, BootTime(Nanos(seq)), Nanos(1'795'464'904'000'000'000), std::move(data)};
}

// Nothing that can be compressed to less than `bytes`.
std::string noise(size_t bytes) {
  static Random random(7);
  std::string text;
  while (text.size() < bytes * 2) text += fmt::format("{:016x}", random.next());
  return text;
}

events::Look look(size_t bytes) {
  events::Look look;
  look.name = "errors";
  look.detail = noise(bytes);
  return look;
}

// The parts as they lie in the cluster, whatever was written in between.
class InCluster {
 public:
  void keep(std::vector<RecordPart> parts) {
    for (RecordPart& part : parts) {
      int index = part.index;
      EXPECT_FALSE(sealed(index)) << "a sealed part changed";
      parts_[index] = std::move(part);
    }
  }
  bool sealed(int index) const { return parts_.count(index) != 0 && parts_.at(index).sealed; }
  std::vector<RecordPart> all() const {
    std::vector<RecordPart> all;
    for (const auto& [index, part] : parts_) all.insert(all.begin(), part);
    return all;
  }

 private:
  std::map<int, RecordPart> parts_;
};

TEST(ClusterRecordTest, IsReadBackAtAnyMoment) {
  ClusterRecord record(some_run());
  InCluster cluster;
  cluster.keep(record.take_changed());
  auto begun = read_cluster_record(cluster.all());
  ASSERT_TRUE(begun) << begun.error().message();
  EXPECT_EQ(begun->row.verdict, "running");
  EXPECT_EQ(begun->row.started, "2026-11-23T20:15:04.000Z");
  EXPECT_TRUE(begun->events.empty());
  EXPECT_FALSE(record.changed());
  EXPECT_TRUE(record.take_changed().empty());

  for (int i = 0; i < 100; ++i) {
    record.append(event(i, events::Note{events::Level::kInfo, fmt::format("note {}", i)}));
    if (i % 7 == 0) cluster.keep(record.take_changed());
  }
  record.append(event(100, events::Ended{{Outcome::kDeviated, "error rate was 4 %", ""}}));
  EXPECT_TRUE(record.changed());
  cluster.keep(record.take_changed());
  auto run = read_cluster_record(cluster.all());
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->row.id, some_run().id);
  EXPECT_EQ(run->row.verdict, "deviated");
  EXPECT_EQ(run->row.exit, 1);
  EXPECT_EQ(run->experiment, some_run().experiment);
  EXPECT_EQ(run->plan, some_run().plan);
  ASSERT_EQ(run->events.size(), 101u);
  for (int64_t i = 0; i <= 100; ++i) EXPECT_EQ(run->events[static_cast<size_t>(i)].seq, i);
}

TEST(ClusterRecordTest, IsBoundedAndKeepsWhatDecides) {
  ClusterRecord record(some_run());
  InCluster cluster;
  int64_t seq = 0, looks = 0;
  for (int i = 0; i < 400; ++i) {
    record.append(event(seq++, look(10'000)));
    ++looks;
    if (i % 20 == 0) record.append(event(seq++, events::Note{events::Level::kInfo, "decides"}));
    if (i % 10 == 0) cluster.keep(record.take_changed());
  }
  record.append(event(seq++, events::Ended{{Outcome::kHeld, "all held", ""}}));
  cluster.keep(record.take_changed());
  EXPECT_LE(cluster.all().size(), static_cast<size_t>(kMostParts));
  for (const RecordPart& part : cluster.all()) EXPECT_LT(part.gzip.size(), kPartBytes + 64'000) << part.index;

  auto run = read_cluster_record(cluster.all());
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->row.verdict, "held");
  int64_t kept = 0, notes = 0;
  for (const RunEvent& one : run->events) {
    kept += as<events::Look>(one) != nullptr;
    const auto* note = as<events::Note>(one);
    notes += note && note->text == "decides";
  }
  EXPECT_EQ(notes, 20);
  EXPECT_LT(kept, looks);
  const auto* told = as<events::Note>(run->events[run->events.size() - 2]);
  ASSERT_NE(told, nullptr);
  EXPECT_NE(told->text.find(fmt::format("{} looks", looks - kept)), std::string::npos) << told->text;
}

TEST(ClusterRecordTest, IsNotExpandedBeyondWhatTheReaderTakes) {
  ClusterRecord record(some_run());
  record.append(event(0, events::Note{events::Level::kInfo, std::string(4'000'000, 'a')}));
  RecordPart part = record.take_changed().at(0);
  ASSERT_LT(part.gzip.size(), 20'000u);
  auto bomb = read_cluster_record({part}, 1'000'000);
  ASSERT_FALSE(bomb);
  EXPECT_NE(bomb.error().message().find("too much"), std::string::npos) << bomb.error().message();
  EXPECT_TRUE(read_cluster_record({part}, 5'000'000));
}

TEST(ClusterRecordTest, SaysWhatIsWrongWithIt) {
  ClusterRecord record(some_run());
  while (record.take_changed().size() < 2) record.append(event(0, events::Note{events::Level::kInfo, noise(100'000)}));
  auto missing = read_cluster_record({{1, true, ""}});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message().find("part 0 is missing"), std::string::npos) << missing.error().message();

  ClusterRecord whole(some_run());
  RecordPart part = whole.take_changed().at(0);
  auto cut = read_cluster_record({{0, false, part.gzip.substr(0, part.gzip.size() / 2)}});
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().message().find("part 0 is no whole gzip"), std::string::npos) << cut.error().message();
  EXPECT_FALSE(read_cluster_record({{0, false, "text"}}));
  EXPECT_FALSE(read_cluster_record({}));
}

}  // namespace
}  // namespace ordeal::store
