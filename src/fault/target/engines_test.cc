#include "fault/target/engines.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/io/file.h"

namespace ordeal::target {
namespace {

namespace fs = std::filesystem;

const std::string kRedis(64, 'a');
const std::string kWeb(64, 'b');

class EngineFilesTest : public testing::Test {
 protected:
  EngineFilesTest() {
    std::string pattern = testing::TempDir() + "ordeal-engines-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~EngineFilesTest() override { fs::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    ASSERT_TRUE(replace_whole(root_ + path, text));
  }
  void put_docker(const std::string& folder, const std::string& id, const std::string& name) {
    put(folder + "/containers/" + id + "/config.v2.json",
        R"({"State":{"Running":true,"Pid":42},"ID":")" + id + R"(","Name":"/)" + name + R"(","Config":{"Env":null}})");
  }
  EngineFiles read(const std::set<uid_t>& users = {}) { return read_engine_files(root_, users); }

  std::string root_;
};

using Names = std::vector<std::string>;

TEST_F(EngineFilesTest, DockerNamesItsContainersWithASlashBefore) {
  put_docker("/var/lib/docker", kRedis, "redis");
  EngineFiles files = read();
  ASSERT_EQ(files.containers.size(), 1u);
  EXPECT_EQ(files.containers[0].engine, "docker");
  EXPECT_EQ(files.names_of(kRedis, "/docker/" + kRedis), Names{"redis"});
  EXPECT_TRUE(files.names_of(kWeb, "/docker/" + kWeb).empty());
  EXPECT_TRUE(files.unread.empty());
}

TEST_F(EngineFilesTest, DockersOwnFolderMayBeElsewhere) {
  put("/etc/docker/daemon.json", R"({"data-root": "/srv/docker"})");
  put_docker("/srv/docker", kRedis, "redis");
  put_docker("/var/lib/docker", kWeb, "old");
  EngineFiles files = read();
  ASSERT_EQ(files.containers.size(), 1u);
  EXPECT_EQ(files.containers[0].names, Names{"redis"});
}

TEST_F(EngineFilesTest, PodmanListsItsContainersForEachDriverAndThoseThatEndWithTheirRun) {
  put("/var/lib/containers/storage/overlay-containers/containers.json",
      R"([{"id":")" + kRedis + R"(","names":["redis"],"image":"x","metadata":"{}"},{"id":"nameless"}])");
  put("/var/lib/containers/storage/vfs-containers/volatile-containers.json",
      R"([{"id":")" + kWeb + R"(","names":["web","www"]}])");
  put("/var/lib/containers/storage/overlay-images/images.json", R"([{"id":"i","names":["image"]}])");
  EngineFiles files = read();
  ASSERT_EQ(files.containers.size(), 2u);
  EXPECT_EQ(files.containers[0].engine, "podman");
  EXPECT_EQ(files.names_of(kWeb, "/machine.slice/libpod-" + kWeb + ".scope"), (Names{"web", "www"}));
}

TEST_F(EngineFilesTest, AUsersOwnFileNamesOnlyWhatRunsInTheUsersSlice) {
  put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n");
  put("/home/ann/.local/share/containers/storage/overlay-containers/containers.json",
      R"([{"id":")" + kRedis + R"(","names":["redis"]}])");
  put_docker("/home/ann/.local/share/docker", kWeb, "web");
  EXPECT_TRUE(read().containers.empty());
  EngineFiles files = read({1000, 1001});
  ASSERT_EQ(files.containers.size(), 2u);
  std::string own = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kRedis + ".scope";
  EXPECT_EQ(files.names_of(kRedis, own), Names{"redis"});
  EXPECT_TRUE(files.names_of(kRedis, "/machine.slice/libpod-" + kRedis + ".scope").empty());
  EXPECT_TRUE(files.names_of(kRedis, "/user.slice/user-10001.slice/libpod-" + kRedis + ".scope").empty());
}

TEST_F(EngineFilesTest, WhatIsNoFileOfAnEngineIsSaidAndChangesNothingElse) {
  put_docker("/var/lib/docker", kRedis, "redis");
  put("/var/lib/docker/containers/" + kWeb + "/config.v2.json", "{");
  put("/var/lib/docker/containers/cc/config.v2.json", R"([1])");
  put("/var/lib/docker/containers/dd/config.v2.json", R"({"ID": 7, "Name": "/x"})");
  put("/var/lib/containers/storage/overlay-containers/containers.json", R"({"id": 1})");
  EngineFiles files = read();
  EXPECT_EQ(files.containers.size(), 1u);
  ASSERT_EQ(files.unread.size(), 1u);
  EXPECT_NE(files.unread[0].find(kWeb), std::string::npos);
}

TEST_F(EngineFilesTest, AFileThatOthersCanWriteIsNotBelievedByRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "root alone is strict";
  put_docker("/var/lib/docker", kRedis, "redis");
  fs::permissions(root_ + "/var/lib/docker/containers/" + kRedis, fs::perms::all);
  EngineFiles files = read();
  EXPECT_TRUE(files.containers.empty());
  ASSERT_EQ(files.unread.size(), 1u);
  EXPECT_NE(files.unread[0].find("can be written by others"), std::string::npos);
}

TEST_F(EngineFilesTest, AHostWithoutEnginesHasNothingAndNothingUnread) {
  EngineFiles files = read({0, 5});
  EXPECT_TRUE(files.containers.empty());
  EXPECT_TRUE(files.unread.empty());
}

}  // namespace
}  // namespace ordeal::target
