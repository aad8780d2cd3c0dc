#include "flags.h"

#include <CLI/CLI.hpp>

namespace ordeal::demo {

Flags::Flags(const std::string& description) : app_(std::make_unique<CLI::App>(description)) {}

Flags::~Flags() = default;

void Flags::text(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->capture_default_str();
}

void Flags::required(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->required();
}

void Flags::one_of(const std::string& name, std::string& value, const std::vector<std::string>& words,
                   const std::string& help) {
  app_->add_option(name, value, help)->check(CLI::IsMember(words))->capture_default_str();
}

void Flags::number(const std::string& name, double& value, double least, double most, const std::string& help) {
  app_->add_option(name, value, help)->check(CLI::Range(least, most))->capture_default_str();
}

void Flags::count(const std::string& name, uint64_t& value, uint64_t least, uint64_t most, const std::string& help) {
  app_->add_option(name, value, help)->check(CLI::Range(least, most))->capture_default_str();
}

std::optional<int> Flags::end_at(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& end) {
    return app_->exit(end);
  }
  return std::nullopt;
}

}  // namespace ordeal::demo
