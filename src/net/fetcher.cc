#include "net/fetcher.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace ordeal::net {

namespace asio = boost::asio;

Result<std::unique_ptr<Fetcher>> Fetcher::create(Loop& loop) {
  std::unique_ptr<Fetcher> fetcher(new Fetcher(TRY(HttpClient::create())));
  loop.watch(fetcher->client_.descriptor(), [raw = fetcher.get()] { raw->client_.dispatch(); });
  return fetcher;
}

Task<HttpOutcome> Fetcher::fetch(HttpCall call) {
  auto start = [this, call = std::move(call)](auto handler) mutable {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    client_.start(std::move(call), [shared](HttpOutcome outcome) { (*shared)(std::move(outcome)); });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(HttpOutcome)>(std::move(start),
                                                                                            asio::use_awaitable);
}

}  // namespace ordeal::net
