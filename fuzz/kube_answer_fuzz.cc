// The answers of an API server, or of whatever answers in its place: refusals, lists, lines of a watch, warnings.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/text/text.h"
#include "platform/kube/client/call.h"
#include "platform/kube/elector/lease.h"

namespace {

using namespace ordeal;
using namespace ordeal::kube;

void check_failure(const ApiFailure& failure) {
  Error error = failure.error("get");
  if (!valid_utf8(error.what) || failure.causes.size() > 100) __builtin_trap();
  if (failure.retry_after && (*failure.retry_after < 0s || *failure.retry_after > std::chrono::hours(1)))
    __builtin_trap();
  (void)failure.passes();
}

void check_answer(int status, std::string_view body) {
  net::HttpReply reply;
  reply.status = status;
  reply.body = body;
  auto answer = answer_of(reply);
  if (!answer) return check_failure(answer.error());
  if (auto page = page_of(json::Value(*answer)); page && page->version.empty()) __builtin_trap();
  LeaseRecord record = LeaseRecord::of(std::move(*answer));
  (void)held_by(record, "lease", "me", 15s, 0ns);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static constexpr int kStatus[] = {200, 201, 302, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504};
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  int status = kStatus[data[0] % std::size(kStatus)];
  check_answer(status, text);
  check_failure(failure_of(status, "text/plain", text, text.substr(0, 12)));
  if (auto event = event_of(text); !event) check_failure(event.error());
  for (const std::string& warning : warnings_of({{"Warning", std::string(text)}}))
    if (!valid_utf8(warning)) __builtin_trap();
  return 0;
}
