// What the flags of the commands hold, after the command line was read.
#pragma once

#include <string>
#include <vector>

#include "run/session/run_options.h"

namespace ordeal::cli {

// Which cluster is meant: none, so this host, where nobody named one.
struct ClusterOptions {
  bool current = false;    // the kubeconfig's current context
  std::string context;     // "" is the current one
  std::string kubeconfig;  // a file; "" is $KUBECONFIG, then ~/.kube/config
  std::string namespace_;  // "" is the context's, or all where a command lists
  std::string release;     // the namespace of Ordeal itself; "" is wherever it is found
  bool asked() const { return current || !context.empty() || !kubeconfig.empty(); }
};

struct ExperimentOptions : session::RunOptions {
  ClusterOptions where;
};

struct TargetsOptions {
  std::string words;  // part of a kind, name, cgroup, runtime or program; "" is all
  std::vector<std::string> policies;
  bool json = false;
};

struct InitOptions {
  std::string target;   // as `ordeal targets` calls it, or a template's name; "" is none
  std::string attack;   // its name; "" is one that suits the target
  std::string metrics;  // a page to find expectations on; "" is none
  std::string output;   // a file; "" is the terminal
  std::vector<std::string> policies;
  bool force = false;  // also over a file that is there
  bool list = false;   // the templates
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
  ClusterOptions where;
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

// Of the programs of a cluster's installation.
struct ControllerOptions {
  std::string namespace_ = "ordeal", name, scope = "cluster", policy;
  bool rollback = false;
  std::string listen;
  int keep = 50;
  std::string agents = "app.kubernetes.io/name=ordeal,app.kubernetes.io/component=agent";
  std::string kubeconfig, context;
};
struct DrainCommandOptions {
  std::string namespace_ = "ordeal", deployment, within = "150s";
  std::string kubeconfig, context;
};

struct HelpOptions {
  std::string command;  // "" is the program
  bool man = false;     // roff instead of text
  std::string write;    // a folder for all man pages and completions; "" is none
};

struct CompletionOptions {
  std::string shell;   // bash, zsh, fish
  std::string values;  // what is there now: runs, live-runs, topics; "" prints the script of the shell
};

struct AgentFlags {
  std::string node, name, namespace_;
  std::string policy;      // NAMESPACE/NAME of the ConfigMap
  std::string kubeconfig;  // "" is the pod's service account
  std::string state_dir;
};

}  // namespace ordeal::cli
