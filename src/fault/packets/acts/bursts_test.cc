#include "fault/packets/acts/bursts.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ordeal::packets {
namespace {

struct Drawn {
  double share = 0;
  double mean_length = 0;  // of the runs of hit packets
  double after_hit = 0;    // the share of those that follow a hit one
};

Drawn draw(const Bursts& bursts, int packets, uint64_t seed) {
  Random random(seed);
  BurstDraw channel(bursts, random);
  int hits = 0, runs = 0, pairs = 0;
  bool before = false;
  for (int i = 0; i < packets; ++i) {
    bool hit = channel.next(random);
    hits += hit;
    runs += hit && !before;
    pairs += hit && before;
    before = hit;
  }
  return {hits / double(packets), hits / double(runs), pairs / double(hits)};
}

TEST(Bursts, CorrelationKeepsTheShareAndMakesOneFollowTheOther) {
  for (double correlation : {0.0, 0.25, 0.9}) {
    Bursts bursts = Bursts::correlated(0.1, correlation);
    EXPECT_NEAR(bursts.share(), 0.1, 1e-12);
    Drawn drawn = draw(bursts, 400'000, 3);
    EXPECT_NEAR(drawn.share, 0.1, 5 * std::sqrt(bursts.variance(400'000)));
    EXPECT_NEAR(drawn.after_hit, 0.1 + correlation * 0.9, 0.015) << correlation;
  }
}

TEST(Bursts, TheModelHasItsShareAndItsLength) {
  Bursts bursts{.to_bad = 0.01, .to_good = 0.25};
  EXPECT_NEAR(bursts.share(), 0.03846, 1e-5);
  EXPECT_EQ(bursts.mean_length(), 4);
  Drawn drawn = draw(bursts, 400'000, 5);
  EXPECT_NEAR(drawn.share, bursts.share(), 5 * std::sqrt(bursts.variance(400'000)));
  EXPECT_NEAR(drawn.mean_length, 4, 0.2);
}

TEST(Bursts, LossInBothStatesAddsUp) {
  Bursts bursts{.to_bad = 0.02, .to_good = 0.06, .hit_bad = 0.5, .hit_good = 0.01};
  EXPECT_NEAR(bursts.share(), 0.25 * 0.5 + 0.75 * 0.01, 1e-12);
  EXPECT_NEAR(draw(bursts, 400'000, 9).share, bursts.share(), 5 * std::sqrt(bursts.variance(400'000)));
}

// 400 runs of 5 000 packets: the deviation between them is the one that the proof allows for.
TEST(Bursts, TheVarianceIsTheOneThatIsSeen) {
  for (const Bursts& bursts :
       {Bursts::correlated(0.1, 0), Bursts::correlated(0.1, 0.8), Bursts{0.01, 0.25, 0.8, 0.01}, Bursts{0.7, 0.9}}) {
    double squares = 0;
    for (uint64_t seed = 1; seed <= 400; ++seed) {
      double off = draw(bursts, 5'000, seed).share - bursts.share();
      squares += off * off;
    }
    EXPECT_NEAR(squares / 400 / bursts.variance(5'000), 1, 0.25);
  }
}

}  // namespace
}  // namespace ordeal::packets
