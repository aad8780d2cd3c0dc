// Flags: what a program of the demo shop is told on its command line. CLI11 stays behind it, compiled once for all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ordeal::demo {

// Each flag is named once with the variable that takes its value and holds its default.
class Flags {
 public:
  explicit Flags(const std::string& description);
  ~Flags();

  void text(const std::string& name, std::string& value, const std::string& help);
  void required(const std::string& name, std::string& value, const std::string& help);
  void one_of(const std::string& name, std::string& value, const std::vector<std::string>& words,
              const std::string& help);
  void number(const std::string& name, double& value, double least, double most, const std::string& help);
  void count(const std::string& name, uint64_t& value, uint64_t least, uint64_t most, const std::string& help);
  // The exit code where the program ends here: after --help, or at an argument that cannot be.
  std::optional<int> end_at(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace ordeal::demo
