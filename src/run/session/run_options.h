// What a run is made of, as the flags of `ordeal plan` and `ordeal run` give it.
#pragma once

#include <string>
#include <vector>

namespace ordeal::session {

struct RunOptions {
  std::string experiment;
  std::vector<std::string> set;  // FIELD=VALUE, of the experiment
  std::string length;            // instead of the experiment's; "" leaves it
  std::string expect;
  std::vector<std::string> args;  // NAME=VALUE, of an Argo file in `expect`
  std::string inventory;
  std::vector<std::string> policies;
  std::string prometheus;
  std::string state_dir;
  std::string listen;                // ADDRESS:PORT; "" serves nothing
  std::string token_file;            // of the bearer token that is asked for there
  std::vector<std::string> reports;  // files; the ending says the format
  bool no_rollback = false;
  bool json = false;
  bool quiet = false;
};

}  // namespace ordeal::session
