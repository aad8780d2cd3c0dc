#include "run/session/live_api.h"

#include <fmt/format.h>

#include <mutex>
#include <thread>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "prometheus/promql/store/series_store.h"

namespace ordeal::session {
namespace {

struct Added {
  promql::Labels labels;
  int64_t ms;
  double value;
};

}  // namespace

struct LiveApi::State {
  net::Loop loop;
  WallOffset offset;
  promql::SeriesStore store;
  promapi::Api::MetadataMap metadata;
  promapi::Api api{store, ORDEAL_VERSION, metadata};
  std::unique_ptr<net::HttpServer> server;
  std::string address;
  std::mutex mutex;
  std::vector<Added> added;  // since the store was last brought up to date
  promapi::Api::MetadataMap told;
  std::thread thread;

  void take_in() {
    std::vector<Added> fresh;
    {
      std::lock_guard lock(mutex);
      fresh.swap(added);
      if (told.size() != metadata.size()) metadata = told;
    }
    for (const Added& sample : fresh) store.append(sample.labels, sample.ms, sample.value);
  }
  net::Task<promapi::Answer> answer(std::string path, promapi::Parameters parameters) {
    take_in();
    auto now = std::chrono::duration_cast<milliseconds>(offset.wall(boot_now()));
    co_return api.answer(path, parameters, now.count());
  }
  // Also when nobody asks.
  net::Task<> keep_up() {
    for (;; co_await loop.sleep(1s)) take_in();
  }
};

LiveApi::LiveApi(std::unique_ptr<State> state) : state_(std::move(state)) {}

LiveApi::~LiveApi() {
  state_->loop.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::unique_ptr<LiveApi>> LiveApi::listen(const std::string& address, const std::string& token_file,
                                                 const metrics::Registry& registry, WallOffset offset) {
  auto options = TRY(watch::api_server_options(address, TRY(read_token(token_file))));
  auto state = std::make_unique<State>();
  state->offset = offset;
  options.metrics = [&registry] { return registry.exposition(); };
  auto answerer = [s = state.get()](std::string path, promapi::Parameters parameters) {
    return s->answer(std::move(path), std::move(parameters));
  };
  state->server = TRY(watch::serve_api(state->loop, options, answerer));
  state->address = options.http.address;
  return std::unique_ptr<LiveApi>(new LiveApi(std::move(state)));
}

void LiveApi::start(Nanos interval) {
  state_->api.set_default_step(promql::scraped_step_ms(interval));
  state_->loop.spawn([s = state_.get()] { return s->keep_up(); });
  state_->thread = std::thread([s = state_.get()] { s->loop.run(); });
}

void LiveApi::add(const promql::Labels& labels, int64_t ms, double value) {
  std::lock_guard lock(state_->mutex);
  if (state_->added.size() < kMostAdded) state_->added.push_back({labels, ms, value});
}

void LiveApi::set_metadata(const promapi::Api::MetadataMap& metadata) {
  std::lock_guard lock(state_->mutex);
  if (state_->told.size() != metadata.size()) state_->told = metadata;
}

std::string LiveApi::url() const {
  bool v6 = state_->address.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}/", v6 ? "[" : "", state_->address, v6 ? "]" : "", state_->server->port());
}

Result<std::string> read_token(const std::string& file) {
  if (file.empty()) return std::string();
  std::string text = TRY(read_input(file));
  std::string token(trim(text));
  if (token.empty()) return fail(Errc::kInvalidInput, file + " is empty, expected a token");
  return token;
}

}  // namespace ordeal::session
