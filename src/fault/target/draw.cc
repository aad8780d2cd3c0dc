#include "fault/target/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/base/random.h"
#include "core/base/text/quantity.h"
#include "core/model/input/policy.h"

namespace ordeal::target {

Result<int64_t> how_many(const Target& target, int64_t allowed) {
  if (target.count) {
    if (*target.count < 1) return fail(Errc::kRefused, "a count of 0 selects nothing");
    if (*target.count > allowed)
      return fail(Errc::kNotInjected,
                  fmt::format("{} requested, {} available",
                              counted(static_cast<size_t>(*target.count), "victim", "victims"), allowed));
    return *target.count;
  }
  if (!target.percentage) return allowed;
  int64_t number = take_percent(allowed, *target.percentage);
  if (number > 0) return number;
  return fail(Errc::kRefused,
              fmt::format("{:g} % of {}, rounded down, is none", *target.percentage,
                          counted(static_cast<size_t>(allowed), "victim", "victims")),
              "use a count instead, or a larger percentage");
}

std::vector<size_t> draw(size_t size, int64_t number, uint64_t seed) {
  std::vector<size_t> drawn(size);
  std::iota(drawn.begin(), drawn.end(), size_t{0});
  if (number >= static_cast<int64_t>(size)) return drawn;
  Random random(seed);
  random.shuffle(std::span<size_t>(drawn));
  drawn.resize(static_cast<size_t>(number));
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace ordeal::target
