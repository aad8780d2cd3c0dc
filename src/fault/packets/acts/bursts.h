// Bursts: which packets an act is for, where the draw of one depends on the one before it. The model of Gilbert and
// Elliott (E. O. Elliott, Estimates of Error Rates for Codes on Burst-Noise Channels, 1963): a channel that is good or
// bad, and changes from packet to packet. Pure; all shares are from 0 to 1.
#pragma once

#include <string>

#include "core/base/random.h"

namespace ordeal::packets {

struct Bursts {
  double to_bad = 0;    // the chance of a change after a packet while it is good: netem's p
  double to_good = 1;   // and while it is bad: netem's r
  double hit_bad = 1;   // the chance of a packet to be hit while it is bad: netem's 1-h
  double hit_good = 0;  // and while it is good: netem's 1-k

  // That `share` is hit in all, and whether a packet is hit correlates so much with whether the one before it was.
  static Bursts correlated(double share, double correlation);

  // Of many packets, how many are hit.
  double share() const { return bad() * hit_bad + (1 - bad()) * hit_good; }
  // Of the share that is hit among so many packets: what depends on each other averages out later.
  double variance(double packets) const;
  // Packets that are bad one after the other, in the mean.
  double mean_length() const { return 1 / to_good; }
  // How much of the state of one packet is left in that of the next, -1 to 1.
  double memory() const { return 1 - to_bad - to_good; }

 private:
  double bad() const { return to_bad / (to_bad + to_good); }
};

// One run of the channel, which begins as it is on the average.
class BurstDraw {
 public:
  BurstDraw(const Bursts& bursts, Random& random) : bursts_(bursts) {
    double bad = bursts.to_bad / (bursts.to_bad + bursts.to_good);
    bad_ = random.uniform() < bad;
  }
  // Whether the next packet is hit.
  bool next(Random& random);

 private:
  Bursts bursts_;
  bool bad_;
};

}  // namespace ordeal::packets
