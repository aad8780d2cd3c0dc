// FakeCluster: an API server in miniature for tests, with one collection of objects (a name, a number) in memory: lists
// in pages, watches with bookmarks, writes of whole objects by resourceVersion, and faults where a test wants them. Not
// for programs. Its methods may be called from any thread.
#pragma once

#include <fmt/core.h>

#include <map>
#include <mutex>
#include <stdexcept>

#include "core/base/random.h"
#include "platform/kube/fields.h"
#include "platform/kube/testing/script_server.h"

namespace ordeal::kube {

class FakeCluster {
 public:
  struct Faults {
    double refuse = 0;   // any request: 500
    double expire = 0;   // a watch's version, a list's token: 410
    double cut = 0;      // a watch, between two events: the connection breaks
    double finish = 0;   // the same, but it ends well
    double stall = 0;    // the same, but nothing more comes
    double corrupt = 0;  // a line of a watch is no event
  };

  explicit FakeCluster(uint64_t seed)
      : random_(seed), server_([this](const net::HttpRequest& request) { return handle(request); }) {}

  Access access() const {
    Access access;
    access.server = server_.url("");
    return access;
  }
  void set(Faults faults) {
    std::lock_guard lock(mutex_);
    faults_ = faults;
  }
  void put(const std::string& name, int number) {
    std::lock_guard lock(mutex_);
    bool fresh = !objects_.contains(name);
    change(fresh ? "ADDED" : "MODIFIED", name, {{"spec", {{"number", number}}}});
  }
  void remove(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (objects_.contains(name)) change("DELETED", name, objects_[name]);
  }
  std::map<std::string, json::Value> objects() const {
    std::lock_guard lock(mutex_);
    return objects_;
  }
  size_t requests(const std::string& method) const {
    std::lock_guard lock(mutex_);
    auto found = requests_.find(method);
    return found == requests_.end() ? 0 : found->second;
  }
  int64_t version() const {
    std::lock_guard lock(mutex_);
    return version_;
  }

 private:
  struct Event {
    int64_t version;
    std::string line;
  };
  using Query = ScriptServer::Asked;

  void change(const char* type, const std::string& name, json::Value object) {
    json::Object& whole = object.as_object();
    whole["metadata"] = json::Object{{"name", name}, {"resourceVersion", std::to_string(++version_)}};
    events_.push_back({version_, json::write({{"type", type}, {"object", object}}) + "\n"});
    if (std::string_view(type) == "DELETED") {
      objects_.erase(name);
    } else {
      objects_[name] = std::move(object);
    }
  }

  bool happens(double chance) { return random_.uniform() < chance; }

  static Reply status(int code, const std::string& reason) {
    return {code, json::write({{"kind", "Status"}, {"reason", reason}, {"message", reason}, {"code", code}})};
  }

  net::Task<net::HttpResponse> handle(const net::HttpRequest& request) {
    Query asked{request.method, request.path, request.query, request.body, request.headers};
    net::HttpResponse response;
    bool watches = asked.value("watch") == "true";
    Reply reply = answer(asked, watches);
    response.status = reply.status;
    response.content_type = reply.type;
    response.body = reply.body;
    if (watches && reply.status == 200) {
      int64_t from = parse_number<int64_t>(asked.value("resourceVersion")).value_or(0);
      response.stream = [this, from](net::BodyWriter& out) { return watch(from, out); };
    }
    co_return response;
  }

  Reply answer(const Query& asked, bool watches) {
    std::lock_guard lock(mutex_);
    ++requests_[watches ? "WATCH" : asked.method];
    if (happens(faults_.refuse)) return status(500, "InternalError");
    if (watches) return {};
    std::string name = asked.path.substr(asked.path.rfind('/') + 1);
    if (asked.method == "POST" || asked.method == "PUT") return write(asked);
    return asked.query.empty() ? get(name) : list(asked);
  }

  Reply get(const std::string& name) {
    auto found = objects_.find(name);
    return found == objects_.end() ? status(404, "NotFound") : Reply{200, json::write(found->second)};
  }

  Reply write(const Query& asked) {
    json::Value body = json::parse(asked.body).value();
    std::string name = text_at(body, "metadata.name");
    auto found = objects_.find(name);
    if (asked.method == "POST" && found != objects_.end()) return status(409, "AlreadyExists");
    if (asked.method == "PUT") {
      if (found == objects_.end()) return status(404, "NotFound");
      if (text_at(body, "metadata.resourceVersion") != text_at(found->second, "metadata.resourceVersion"))
        return status(409, "Conflict");
    }
    change(found == objects_.end() ? "ADDED" : "MODIFIED", name, body);
    return {201, json::write(objects_[name])};
  }

  // A token is the version of the list and the name before the next page.
  Reply list(const Query& asked) {
    std::string token = asked.value("continue");
    if (!token.empty() && happens(faults_.expire)) return status(410, "Expired");
    size_t limit = parse_number<size_t>(asked.value("limit")).value_or(500);
    size_t bar = token.find('|');
    auto& snapshot = token.empty() ? (snapshots_[version_] = objects_) : snapshots_[std::stoll(token.substr(0, bar))];
    std::string version = token.empty() ? std::to_string(version_) : token.substr(0, bar);
    auto at = token.empty() ? snapshot.begin() : snapshot.upper_bound(token.substr(bar + 1));
    json::Array items;
    json::Object metadata{{"resourceVersion", version}};
    for (; at != snapshot.end() && items.size() < limit; ++at) items.push_back(at->second);
    if (at != snapshot.end()) metadata["continue"] = version + "|" + std::prev(at)->first;
    return {200, json::write({{"metadata", std::move(metadata)}, {"items", std::move(items)}})};
  }

  // What the watch does next: a line to write, or how it ends.
  enum class Turn { kLine, kNothing, kCut, kEnd, kStall };
  Turn turn(int64_t& from, std::string& line) {
    std::lock_guard lock(mutex_);
    if (happens(faults_.cut)) return Turn::kCut;
    if (happens(faults_.finish)) return Turn::kEnd;
    if (happens(faults_.stall)) return Turn::kStall;
    auto next = std::find_if(events_.begin(), events_.end(), [&](const Event& e) { return e.version > from; });
    if (happens(faults_.corrupt)) {
      line = "<html>\n";
    } else if (next != events_.end()) {
      line = next->line;
      from = next->version;
    } else if (happens(0.05)) {
      line = fmt::format(R"({{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"{}"}}}}}})"
                         "\n",
                         from);
    } else {
      return Turn::kNothing;
    }
    return Turn::kLine;
  }

  net::Task<> watch(int64_t from, net::BodyWriter& out) {
    std::string expired = R"({"type":"ERROR","object":{"kind":"Status","reason":"Expired","code":410}})"
                          "\n";
    bool is_expired = expires();
    if (is_expired) co_await out.write(expired);
    while (!is_expired && !out.stopping()) {
      std::string line;
      Turn next = turn(from, line);
      if (next == Turn::kCut) throw std::runtime_error("cut");
      if (next == Turn::kEnd) co_return;
      while (next == Turn::kStall && !out.stopping()) co_await server_.loop().sleep(2ms);
      if (next == Turn::kNothing) co_await server_.loop().sleep(1ms);
      if (next == Turn::kLine && !co_await out.write(line)) co_return;
    }
  }

  bool expires() {
    std::lock_guard lock(mutex_);
    return happens(faults_.expire);
  }

  mutable std::mutex mutex_;
  Random random_;
  Faults faults_;
  int64_t version_ = 10;
  std::map<std::string, json::Value> objects_;
  std::map<int64_t, std::map<std::string, json::Value>> snapshots_;
  std::vector<Event> events_;
  std::map<std::string, size_t> requests_;
  net::TestServer server_;
};

}  // namespace ordeal::kube
