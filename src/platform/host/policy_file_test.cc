#include "platform/host/policy_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/io/file.h"

namespace ordeal::host {
namespace {

namespace fs = std::filesystem;

class PolicyFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "ordeal-policy-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("good", "protected: {namespaces: [production]}\n");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_atomically(folder_ / name, text, 0644));
  }
  // How many policies bind, or the error.
  std::string policies(const std::string& host, const std::vector<std::string>& named) const {
    std::vector<std::string> files;
    for (const std::string& name : named) files.push_back(folder_ / name);
    auto read = read_policies(files, folder_ / host, {true, ::geteuid()});
    if (read) return std::to_string(read->size());
    return (read.error().code == Errc::kInvalidInput ? "bad input: " : "other: ") + read.error().message();
  }
  fs::path folder_;
};

TEST_F(PolicyFile, OnlyAHostPolicyThatIsNotThereIsNone) {
  EXPECT_EQ(policies("none", {}), "0");
  EXPECT_EQ(policies("no-folder/none", {}), "0");
  EXPECT_EQ(policies("good", {"good"}), "2");
  fs::create_symlink("gone", folder_ / "dangling");
  fs::create_symlink("gone-folder", folder_ / "etc");
  fs::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (std::string host : {"dangling", "etc/policy.yaml", "folder", "pipe", "good/policy.yaml"})
    EXPECT_TRUE(policies(host, {}).starts_with("bad input: cannot read the policy: ")) << policies(host, {});
}

TEST_F(PolicyFile, OneThatIsNamedAndMissingIsBadInput) {
  EXPECT_EQ(policies("none", {"missing"}),
            "bad input: cannot read the policy: " + (folder_ / "missing").string() + " is not there");
}

TEST_F(PolicyFile, ErrorsNameTheFileTheLineAndTheField) {
  write("bad", "protected:\n  namespaces: [\"production \"]\n");
  std::string error = policies("none", {"bad"});
  EXPECT_TRUE(error.starts_with("bad input: " + (folder_ / "bad").string() + ": line 2: protected.namespaces[0]: "))
      << error;
}

}  // namespace
}  // namespace ordeal::host
