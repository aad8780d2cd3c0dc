// What the flags of the commands hold, after the command line was read.
#pragma once

#include <string>
#include <vector>

namespace ordeal::cli {

struct RunOptions {
  std::string experiment;
  std::string expect;
  std::string inventory;
  std::vector<std::string> policies;
  std::string prometheus;
  std::string state_dir;
  std::vector<std::string> reports;  // files; the ending says the format
  bool no_rollback = false;
  bool json = false;
  bool quiet = false;
};

struct AnalysisOptions {
  std::vector<std::string> files;
  std::vector<std::string> templates;
  std::vector<std::string> args;  // NAME=VALUE
  std::string prometheus;
  bool strict = false;
  bool json = false;
};

struct ScrapeOptions {
  std::vector<std::string> urls;
  std::string job = "ordeal";
  std::string interval = "1s";
  std::string keep = "10m";
  std::string listen = "127.0.0.1:9464";
};

}  // namespace ordeal::cli
