#include "judge/dispersion.h"

#include <algorithm>

namespace ordeal::judge {
namespace {

double over_freedom(double chi_square, size_t observations) {
  if (observations < kLeastObservations) return 1;
  return std::max(1.0, chi_square / static_cast<double>(observations - 1));
}

}  // namespace

void BinomialDispersion::add(double bad, double total) {
  if (total <= 0) return;
  ++observations_;
  bad_ += bad;
  total_ += total;
  squares_ += bad * bad / total;
}

double BinomialDispersion::value() const {
  double p = total_ > 0 ? bad_ / total_ : 0;
  if (p <= 0 || p >= 1) return 1;
  return over_freedom((squares_ - p * bad_) / (p * (1 - p)), observations_);
}

void PoissonDispersion::add(double events, double seconds) {
  ++observations_;
  events_ += events;
  seconds_ += seconds;
  longest_ = std::max(longest_, seconds);
  squares_ += events * events / seconds;
}

double PoissonDispersion::value() const {
  if (events_ <= 0) return 1;
  return over_freedom(squares_ / rate() - events_, observations_);
}

}  // namespace ordeal::judge
