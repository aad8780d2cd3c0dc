// Our client and our server as programs, for tests with those of others and for bench/net/stream.py.
//   http_probe serve [CERTIFICATE KEY]     prints its port; until SIGTERM
//     /            hello        /events      a server-sent event every 50 ms
//     /lines?N     N lines      /bytes?N     N MiB       POST /sink  says how many bytes came
//   http_probe get URL [--ca F] [--certificate F] [--key F] [--token F] [--insecure] [--lines] [--upload MIB] [--idle
//   MS]
//     prints "head STATUS", with --lines each line, and "end BYTES SECONDS" or "failed: WHY" (exit 1)
#include <fmt/core.h>
#include <poll.h>

#include <cstdlib>
#include <map>

#include "core/base/text/text.h"
#include "platform/net/events/event_hub.h"
#include "platform/net/http_client.h"
#include "platform/net/http_server.h"

namespace ordeal::net {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

size_t number_of(std::string_view text) { return parse_number<size_t>(text).value_or(1); }

Task<> write_bytes(BodyWriter& out, size_t mebibytes) {
  std::string piece(65536, 'x');
  bool taken = true;
  for (size_t left = mebibytes * kMiB; left > 0 && taken; left -= piece.size()) taken = co_await out.write(piece);
}

Task<> write_lines(BodyWriter& out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    std::string line = fmt::format("{{\"line\": {}}}\n", i);
    bool taken = co_await out.write(line);
    if (!taken) co_return;
  }
}

Task<HttpResponse> count_body(const HttpRequest& request) {
  size_t bytes = 0;
  while (true) {
    std::string piece = co_await request.incoming->read();
    if (piece.empty()) break;
    bytes += piece.size();
  }
  co_return HttpResponse{200, fmt::format("{} {}\n", request.incoming->whole() ? "whole" : "broken", bytes)};
}

Task<HttpResponse> answer(EventHub& hub, const HttpRequest& request) {
  if (request.path == "/events") co_return hub.answer(request);
  if (request.incoming) co_return co_await count_body(request);
  HttpResponse response{200, "hello\n"};
  size_t count = number_of(request.query);
  if (request.path == "/bytes") response.stream = [count](BodyWriter& out) { return write_bytes(out, count); };
  if (request.path == "/lines") response.stream = [count](BodyWriter& out) { return write_lines(out, count); };
  co_return response;
}

int serve(const std::vector<std::string>& words) {
  Loop loop;
  EventHub hub(loop, {});
  HttpServerOptions options;
  if (words.size() >= 3) options.tls = TlsFiles{words[1], words[2]};
  options.streams_body = [](const HttpRequest& request) { return request.path == "/sink"; };
  options.max_streamed_body = size_t{64} << 30;
  auto server = HttpServer::listen(loop, options, [&](const HttpRequest& request) { return answer(hub, request); });
  if (!server) {
    fmt::print("failed: {}\n", server.error().message());
    return 1;
  }
  bool ending = false;
  loop.on_terminate([&] {
    ending = true;
    (*server)->stop();
  });
  loop.spawn([&]() -> Task<> {
    int ticks = 0;
    while (!ending) {
      static_cast<void>(hub.publish("tick", std::to_string(ticks++)));
      co_await loop.sleep(50ms);
    }
  });
  fmt::print("{}\n", (*server)->port());
  fflush(stdout);
  loop.run();
  return 0;
}

struct Wishes {
  std::map<std::string, std::string> values;
  std::string url;
  bool insecure = false, lines = false;
};

Wishes read_wishes(const std::vector<std::string>& words) {
  Wishes wishes;
  wishes.url = words[1];
  for (size_t i = 2; i < words.size(); ++i) {
    wishes.insecure |= words[i] == "--insecure";
    wishes.lines |= words[i] == "--lines";
    if (words[i] != "--insecure" && words[i] != "--lines" && i + 1 < words.size()) {
      wishes.values[words[i]] = words[i + 1];
      ++i;
    }
  }
  return wishes;
}

HttpStream stream_of(Wishes& wishes) {
  HttpStream stream;
  stream.call.url = wishes.url;
  stream.call.insecure = wishes.insecure;
  stream.call.tls.authority_file = wishes.values["--ca"];
  stream.call.tls.certificate_file = wishes.values["--certificate"];
  stream.call.tls.key_file = wishes.values["--key"];
  stream.call.token_file = wishes.values["--token"];
  stream.max_line = wishes.lines ? kMiB : 0;
  if (!wishes.values["--idle"].empty())
    stream.idle_timeout = milliseconds(static_cast<int64_t>(number_of(wishes.values["--idle"])));
  if (wishes.values["--upload"].empty()) return stream;
  stream.call.method = "POST";
  stream.produce = [left = number_of(wishes.values["--upload"]) * kMiB](std::string& body) mutable {
    body.assign(std::min<size_t>(left, 65536), 'x');
    left -= body.size();
    return left > 0 ? Upload::kMore : Upload::kEnd;
  };
  return stream;
}

int get(const std::vector<std::string>& words) {
  Wishes wishes = read_wishes(words);
  HttpClient client = std::move(*HttpClient::create());
  HttpStream stream = stream_of(wishes);
  size_t bytes = 0;
  std::optional<int> exit_code;
  BootTime begun = boot_now();
  stream.on_head = [](const HttpHead& head) { fmt::print("head {}\n", head.status); };
  stream.on_data = [&](std::string_view piece) {
    bytes += piece.size();
    if (wishes.lines) fmt::print("{}\n", piece);
    return Flow::kGoOn;
  };
  stream.on_end = [&](const std::optional<HttpFailure>& failure) {
    exit_code = failure ? 1 : 0;
    fmt::print("{}\n", failure ? "failed: " + failure->error.message()
                               : fmt::format("end {} {:.3f}", bytes, to_seconds(boot_now() - begun)));
  };
  client.stream(std::move(stream));
  while (!exit_code) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    poll(&wait, 1, -1);
    client.dispatch();
    fflush(stdout);
  }
  return *exit_code;
}

}  // namespace
}  // namespace ordeal::net

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "serve") return ordeal::net::serve(words);
  if (words.size() > 1 && words[0] == "get") return ordeal::net::get(words);
  fmt::print("http_probe serve [CERTIFICATE KEY] | http_probe get URL [OPTION]...\n");
  return 2;
}
