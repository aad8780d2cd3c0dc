#include "ordeal/resilience/result.h"

namespace ordeal::resilience {

namespace {

class Category : public std::error_category {
 public:
  const char* name() const noexcept override { return "ordeal.resilience"; }
  std::string message(int code) const override {
    switch (static_cast<Code>(code)) {
      case Code::kRefused:
        return "refused: the circuit is open";
      case Code::kTimeLimit:
        return "took longer than its time limit";
      case Code::kCancelled:
        return "was cancelled";
      case Code::kFull:
        return "refused: all places are taken";
      case Code::kFailed:
        return "failed";
    }
    return "unknown";
  }
};

}  // namespace

const std::error_category& category() {
  static const Category category;
  return category;
}

std::error_code ErrorTraits<std::error_code>::make(const Error& error) {
  switch (error.kind) {
    case Error::Kind::kTimeLimit:
      return {static_cast<int>(Code::kTimeLimit), category()};
    case Error::Kind::kCancelled:
      return {static_cast<int>(Code::kCancelled), category()};
    case Error::Kind::kException:
    case Error::Kind::kFailed:
      return {static_cast<int>(Code::kFailed), category()};
    default:
      return {static_cast<int>(is_callers_own(error.refusal) ? Code::kFull : Code::kRefused), category()};
  }
}

std::optional<Error> ErrorTraits<std::error_code>::read(const std::error_code& code) {
  if (code == std::errc::operation_canceled) return Error{Error::Kind::kCancelled, {}, nullptr};
  if (code == std::errc::timed_out) return Error{Error::Kind::kTimeLimit, {}, nullptr};
  if (code.category() != category()) return std::nullopt;
  switch (static_cast<Code>(code.value())) {
    case Code::kRefused:
      return Error{Error::Kind::kRefused, {}, nullptr};
    case Code::kTimeLimit:
      return Error{Error::Kind::kTimeLimit, {}, nullptr};
    case Code::kCancelled:
      return Error{Error::Kind::kCancelled, {}, nullptr};
    case Code::kFull:
      return Error{Error::Kind::kRefused, {.reason = Refusal::Reason::kBulkheadFull}, nullptr};
    case Code::kFailed:
      return Error{Error::Kind::kFailed, {}, nullptr};
  }
  return std::nullopt;
}

}  // namespace ordeal::resilience
