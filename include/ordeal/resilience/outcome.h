// What a call came to, as the policies see it, and why a call was not made.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "ordeal/resilience/time.h"

namespace ordeal::resilience {

// kTimeout is a failure that is also counted by itself. kIgnored says nothing about the callee: cancelled, or the
// caller's own mistake.
enum class Outcome : uint8_t { kSuccess, kFailure, kTimeout, kIgnored };

struct Refusal {
  enum class Reason : uint8_t { kOpen, kHalfOpenFull, kRampUp, kForcedOpen, kShutDown, kBulkheadFull, kPoolExhausted };
  Reason reason = Reason::kOpen;
  const char* by = "";      // the policy's name; lives as long as the policy
  Duration retry_after{0};  // 0: unknown, or at once
};
const char* to_text(Refusal::Reason reason);
// By a bulkhead or a pool: it says nothing about the callee.
inline bool is_callers_own(const Refusal& refusal) { return refusal.reason >= Refusal::Reason::kBulkheadFull; }

// Why a call through a policy has no value.
struct Error {
  // kFailed is what a Fallback is told of a failure that has no Error: the callee's own, or of a value.
  enum class Kind : uint8_t { kRefused, kTimeLimit, kCancelled, kException, kFailed };
  Kind kind = Kind::kRefused;
  Refusal refusal;               // of kRefused
  std::exception_ptr exception;  // of kException: what the function threw
};
// "stripe is open, retry after 30 s"
std::string to_text(const Error& error);

namespace detail {

// Unless `error` is "", throws std::invalid_argument("circuit breaker stripe: …"); ends the program with the sentence
// where the library was built without exceptions.
void require_valid(const std::string& policy, const std::string& error);
std::string seconds_text(Duration duration);  // "3 s", "0.05 s"

}  // namespace detail

}  // namespace ordeal::resilience
