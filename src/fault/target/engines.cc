#include "fault/target/engines.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/json/value.h"
#include "platform/sys/trusted_file.h"

namespace ordeal::target {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostContainers = 10'000;

std::string text_at(const json::Object& object, std::string_view key) {
  const json::Value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

class EngineReader {
 public:
  EngineReader(std::string root, uid_t owner) : root_(std::move(root)), owner_(owner) {}

  EngineFiles take() { return std::move(files_); }

  void docker(const std::string& data_root) {
    for (const std::string& folder : entries_of(root_ + data_root + "/containers"))
      read_each(folder + "/config.v2.json", [&](const json::Value& file) { add_docker(file); });
  }

  // The storage that Podman, CRI-O and Buildah share; a folder for each driver.
  void storage(const std::string& folder) {
    for (const std::string& driver : entries_of(root_ + folder)) {
      if (!driver.ends_with("-containers")) continue;
      for (const char* file : {"/containers.json", "/volatile-containers.json"})
        read_each(driver + file, [&](const json::Value& list) { add_storage(list); });
    }
  }

  std::string docker_data_root() {
    std::string data_root = "/var/lib/docker";
    read_each(root_ + "/etc/docker/daemon.json", [&](const json::Value& file) {
      std::string given = file.is_object() ? text_at(file.get_object(), "data-root") : "";
      if (given.starts_with('/')) data_root = given;
    });
    return data_root;
  }

 private:
  std::vector<std::string> entries_of(const std::string& folder) {
    std::vector<std::string> paths;
    std::error_code error;
    if (fs::status(folder, error).type() == fs::file_type::not_found) return paths;
    fs::directory_iterator entry(folder, error), end;
    for (; !error && entry != end && paths.size() < kMostContainers; entry.increment(error))
      paths.push_back(entry->path());
    if (error) files_.unread.push_back(fmt::format("{}: {}", folder, error.message()));
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  // A file that others can write would let them choose who is hit.
  template <typename Take>
  void read_each(const std::string& path, Take take) {
    std::error_code error;
    if (fs::status(path, error).type() == fs::file_type::not_found) return;
    auto text = sys::read_trusted(path, trust());
    if (!text) return files_.unread.push_back(text.error().message());
    auto value = json::parse(*text);
    if (!value) return files_.unread.push_back(fmt::format("{}: {}", path, value.error().message()));
    take(*value);
  }

  sys::Trust trust() const {
    sys::Trust trust = sys::Trust::of_this_process();
    trust.owner = owner_ == 0 ? trust.owner : owner_;
    return trust;
  }

  void add_docker(const json::Value& file) {
    if (!file.is_object()) return;
    std::string name = text_at(file.get_object(), "Name");
    add("docker", text_at(file.get_object(), "ID"), {name.starts_with('/') ? name.substr(1) : name});
  }

  void add_storage(const json::Value& list) {
    if (!list.is_array()) return;
    for (const json::Value& item : list.get_array()) {
      if (!item.is_object()) continue;
      std::vector<std::string> names;
      if (const json::Value* given = item.get_object().if_contains("names"); given && given->is_array())
        for (const json::Value& name : given->get_array())
          if (name.is_string()) names.emplace_back(name.get_string());
      add("podman", text_at(item.get_object(), "id"), std::move(names));
    }
  }

  void add(const char* engine, std::string id, std::vector<std::string> names) {
    std::erase(names, "");
    if (id.empty() || names.empty()) return;
    files_.containers.push_back({engine, std::move(id), std::move(names), owner_});
  }

  std::string root_;
  uid_t owner_;
  EngineFiles files_;
};

std::string home_of(const std::string& root, uid_t user) {
  auto text = read_file(root + "/etc/passwd");
  if (!text) return "";
  for (std::string_view line : split_words(*text, "\n")) {
    auto fields = split(line, ':');
    if (fields.size() >= 6 && parse_number<uid_t>(fields[2]) == user) return std::string(fields[5]);
  }
  return "";
}

void append(EngineFiles& all, EngineFiles more) {
  std::move(more.containers.begin(), more.containers.end(), std::back_inserter(all.containers));
  std::move(more.unread.begin(), more.unread.end(), std::back_inserter(all.unread));
}

EngineFiles files_of_user(const std::string& root, uid_t user) {
  EngineReader reader(root, user);
  std::string home = home_of(root, user);
  if (!home.starts_with('/')) return {};
  reader.docker(home + "/.local/share/docker");
  reader.storage(home + "/.local/share/containers/storage");
  return reader.take();
}

}  // namespace

bool may_name(const NamedContainer& container, const std::string& cgroup) {
  return container.owner == 0 || cgroup.starts_with(fmt::format("/user.slice/user-{}.slice/", container.owner));
}

std::vector<std::string> EngineFiles::names_of(const std::string& id, const std::string& cgroup) const {
  for (const NamedContainer& container : containers)
    if (container.id == id && may_name(container, cgroup)) return container.names;
  return {};
}

EngineFiles read_engine_files(const std::string& root, const std::set<uid_t>& users) {
  EngineReader host(root, 0);
  host.docker(host.docker_data_root());
  host.storage("/var/lib/containers/storage");
  EngineFiles all = host.take();
  for (uid_t user : users) append(all, files_of_user(root, user));
  return all;
}

}  // namespace ordeal::target
