// The names by which controller, agents and command line find each other's objects in a cluster.
#pragma once

#include <string>
#include <string_view>

namespace ordeal::cluster {

inline constexpr const char* kApiVersion = "ordeal.dev/v1alpha1";
inline constexpr const char* kFinalizer = "ordeal.dev/revert";  // of an Injection, until it is reverted
inline constexpr const char* kHaltName = "global";              // of the Halt
// What stands for the Halt where one namespace is all that may be watched.
inline constexpr const char* kHaltConfigMap = "ordeal-halt";
// Labels of an Injection and of a record's ConfigMaps.
inline constexpr const char* kNodeLabel = "ordeal.dev/node";
inline constexpr const char* kExperimentLabel = "ordeal.dev/experiment";
inline constexpr const char* kRunLabel = "ordeal.dev/run";
inline constexpr const char* kRecordLabel = "ordeal.dev/record";  // "true" on each part of a record
// The policy, in the release's namespace unless the chart names another.
inline constexpr const char* kPolicyConfigMap = "ordeal-config";
inline constexpr const char* kPolicyKey = "config.yaml";
inline constexpr const char* kLeaderLease = "ordeal-controller";

// A value that a label may have, of a name that may be longer (253 characters): the name itself up to 63, else its
// first 46 characters, "-" and 16 hex digits of a hash of all of it.
std::string label_value(std::string_view name);
// "EXPERIMENT-RUN-NODE" as the name of the Injection, RUN being the random part of the run's id: the same for the same
// three, at most 253 characters (what is longer ends in a hash). A node's second run never meets an old one's object.
std::string injection_name(std::string_view experiment, std::string_view run, std::string_view node);

}  // namespace ordeal::cluster
