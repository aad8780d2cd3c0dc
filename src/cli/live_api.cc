#include "cli/live_api.h"

#include <fmt/format.h>

#include <mutex>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "promql/store/series_store.h"

namespace ordeal::cli {
namespace {

struct Added {
  promql::Labels labels;
  int64_t ms;
  double value;
};

int64_t now_ms() { return std::chrono::duration_cast<milliseconds>(wall_now()).count(); }

}  // namespace

struct LiveApi::State {
  net::Loop loop;
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
    co_return api.answer(path, parameters, now_ms());
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

Result<std::unique_ptr<LiveApi>> LiveApi::start(watch::ApiServerOptions options, const metrics::Registry& registry) {
  auto state = std::make_unique<State>();
  options.metrics = [&registry] { return registry.exposition(); };
  auto answerer = [s = state.get()](std::string path, promapi::Parameters parameters) {
    return s->answer(std::move(path), std::move(parameters));
  };
  state->server = TRY(watch::serve_api(state->loop, options, answerer));
  state->address = options.http.address;
  state->loop.spawn([s = state.get()] { return s->keep_up(); });
  state->thread = std::thread([s = state.get()] { s->loop.run(); });
  return std::unique_ptr<LiveApi>(new LiveApi(std::move(state)));
}

void LiveApi::add(const promql::Labels& labels, int64_t ms, double value) {
  std::lock_guard lock(state_->mutex);
  state_->added.push_back({labels, ms, value});
}

void LiveApi::set_metadata(const promapi::Api::MetadataMap& metadata) {
  std::lock_guard lock(state_->mutex);
  if (state_->told.size() != metadata.size()) state_->told = metadata;
}

std::string LiveApi::url() const {
  bool v6 = state_->address.find(':') != std::string::npos;
  return fmt::format("http://{}{}{}:{}/", v6 ? "[" : "", state_->address, v6 ? "]" : "", state_->server->port());
}

Result<watch::ApiServerOptions> read_listen(const std::string& listen, const std::string& token_file) {
  auto options = TRY(watch::api_server_options(listen, TRY(read_token(token_file))));
  net::Loop loop;
  auto nobody = [](const net::HttpRequest&) -> net::Task<net::HttpResponse> { co_return net::HttpResponse{}; };
  auto tried = net::HttpServer::listen(loop, options.http, nobody);
  if (tried) return options;
  return fail(Errc::kInvalidInput, tried.error().message(), "Give another port; port 0 is any that is free.");
}

Result<std::string> read_token(const std::string& file) {
  if (file.empty()) return std::string();
  auto text = read_file(file);
  if (!text) return tl::unexpected(Error{Errc::kInvalidInput, text.error().message(), 0, "", nullptr});
  return std::string(trim(*text));
}

}  // namespace ordeal::cli
