// RecordedHost: hosts as files, for tests: a /proc whose processes have the cgroup lines that a host of that kind
// shows, and the files of its container engines.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/base/io/file.h"
#include "fault/target/snapshot.h"

namespace ordeal::target {

class RecordedHost : public testing::Test {
 protected:
  RecordedHost() {
    std::string pattern = testing::TempDir() + "ordeal-host-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directories(root_ + "/proc");
  }
  ~RecordedHost() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    ASSERT_TRUE(replace_whole(root_ + path, text));
  }
  // `cgroups`: the lines of /proc/PID/cgroup.
  void process(pid_t pid, const std::string& comm, const std::string& cgroups, pid_t ppid = 1) {
    const std::string folder = "/proc/" + std::to_string(pid);
    std::string stat = std::to_string(pid) + " (" + comm + ") S " + std::to_string(ppid);
    for (int field = 5; field <= 52; ++field) stat += field == 22 ? " " + std::to_string(100 + pid) : " 1";
    put(folder + "/stat", stat + "\n");
    put(folder + "/cmdline", "/usr/bin/" + comm + std::string(1, '\0') + "--serve" + std::string(1, '\0'));
    put(folder + "/status", "Name:\t" + comm + "\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\n");
    put(folder + "/cgroup", cgroups);
  }
  void docker_name(const std::string& id, const std::string& name) {
    put("/var/lib/docker/containers/" + id + "/config.v2.json", R"({"ID":")" + id + R"(","Name":"/)" + name + R"("})");
  }
  void podman_name(const std::string& storage, const std::string& id, const std::string& name) {
    put(storage + "/overlay-containers/containers.json",
        R"([{"id":")" + id + R"(","names":[")" + name + R"("],"image":""}])");
  }
  Snapshot snapshot(std::set<pid_t> own = {}) const {
    Snapshot snapshot;
    snapshot.host = "recorded";
    snapshot.processes = sys::list_processes(root_ + "/proc").value();
    snapshot.own = std::move(own);
    snapshot.root = root_;
    return snapshot;
  }

  std::string root_;
};

}  // namespace ordeal::target
