// What the flags of the commands hold, after the command line was read.
#pragma once

#include <string>
#include <vector>

namespace ordeal::cli {

struct TargetsOptions {
  std::string words;  // part of a kind, name, cgroup, runtime or program; "" is all
  std::vector<std::string> policies;
  bool json = false;
};

struct ObservabilityOptions {
  std::string experiment, expect, slo;  // files; "" is none
  std::string output;                   // a file; "" is the terminal
};

struct ReportOptions {
  std::string state_dir;
  std::string run;     // a selector; "" with `all`
  std::string format;  // "" is whatever fits where it goes
  std::string output;  // a file; "" is the terminal
  bool all = false;
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
  std::string token_file;
};

}  // namespace ordeal::cli
