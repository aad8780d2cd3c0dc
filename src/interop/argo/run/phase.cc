#include "interop/argo/run/phase.h"

#include <array>

namespace ordeal::argo {
namespace {

struct Rank {
  const char* text;
  int badness;
};
constexpr std::array<Rank, 6> kRanks{
    {{"Pending", 2}, {"Running", 1}, {"Successful", 0}, {"Failed", 5}, {"Error", 4}, {"Inconclusive", 3}}};

}  // namespace

const char* to_text(Phase phase) { return kRanks[static_cast<size_t>(phase)].text; }

bool is_worse(Phase than, Phase phase) {
  return kRanks[static_cast<size_t>(phase)].badness > kRanks[static_cast<size_t>(than)].badness;
}

}  // namespace ordeal::argo
