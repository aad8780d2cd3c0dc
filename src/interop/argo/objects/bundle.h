// Bundle: a file of many objects, of which only some concern Argo's analysis: a Helm chart's output, kustomize's, or
// what kubectl prints. Each document, and each item of a List in block style, is read by itself, so that one that
// cannot be read does not take the others along; what is plainly not ours is not read at all, however large or deep it
// is. The limits of json/yaml.h hold for each. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json/yaml.h"

namespace ordeal::argo {

constexpr size_t kMostBundleBytes = size_t{16} << 20;

struct Bundle {
  std::vector<json::Document> documents;  // lines are counted from the beginning of the file
  std::vector<std::string> skipped;       // "CustomResourceDefinition rollouts.argoproj.io"
  std::vector<Error> errors;              // of documents that may be ours; each begins with "line 7"
};

// A file without any document is an error.
Bundle read_bundle(std::string_view text);
// The same for those to whom an error in any document is an error of the whole; at least one document.
Result<std::vector<json::Document>> read_all(std::string_view text);

}  // namespace ordeal::argo
