#include "ordeal/resilience/outcome.h"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace ordeal::resilience {

namespace {

std::string refused(const Refusal& refusal) {
  std::string text = std::string(refusal.by) + " " + to_text(refusal.reason);
  if (refusal.retry_after > Duration::zero()) text += ", retry after " + detail::seconds_text(refusal.retry_after);
  return text;
}

}  // namespace

const char* to_text(Refusal::Reason reason) {
  static constexpr const char* kNames[] = {"is open",
                                           "is half-open and its probes are out",
                                           "is ramping up",
                                           "is forced open",
                                           "is shut down",
                                           "is full",
                                           "has no connection left"};
  return kNames[static_cast<size_t>(reason)];
}

std::string to_text(const Error& error) {
  switch (error.kind) {
    case Error::Kind::kRefused:
      return refused(error.refusal);
    case Error::Kind::kTimeLimit:
      return "took longer than its time limit";
    case Error::Kind::kCancelled:
      return "was cancelled";
    case Error::Kind::kException:
      return "threw an exception";
    case Error::Kind::kFailed:
      return "failed";
  }
  return "";
}

namespace detail {

void require_valid(const std::string& policy, const std::string& error) {
  if (error.empty()) return;
  std::string sentence = policy + ": " + error;
#ifdef __cpp_exceptions
  throw std::invalid_argument(sentence);
#else
  std::fprintf(stderr, "%s\n", sentence.c_str());
  std::abort();
#endif
}

std::string seconds_text(Duration duration) {
  char text[40];
  std::snprintf(text, sizeof text, "%.3g s", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace detail

}  // namespace ordeal::resilience
