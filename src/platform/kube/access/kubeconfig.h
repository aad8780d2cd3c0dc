// Kubeconfig: one or several files of kubectl's configuration as one set of clusters, users and contexts. It finds
// entries by name and knows of each in which file it stands, for paths and for messages.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/json/reader.h"

namespace ordeal::kube {

class Kubeconfig {
 public:
  // `name` is for messages, and its folder for relative paths.
  static Result<Kubeconfig> parse(const std::string& name, std::string_view text);
  // Reads the files in their order. Those that are not there are passed over unless `needed`.
  static Result<Kubeconfig> read(const std::vector<std::string>& paths, bool needed);

  // What an entry holds below its name ("cluster" of one of "clusters").
  struct Entry {
    json::Reader reader;
    std::string file;

    // Text; "" where the key is absent or empty. No error shows a value.
    Result<std::string> text(std::string_view key) const;
    Result<bool> flag(std::string_view key) const;
    // A path, absolute or relative to the file's folder; "" where it is absent.
    Result<std::string> path(std::string_view key) const;
  };
  // `list` is "clusters", "users" or "contexts"; nothing where no file has the name.
  Result<std::optional<Entry>> find(std::string_view list, std::string_view name) const;
  // Of the first file that has one; "" without.
  Result<std::string> current_context() const;
  std::vector<std::string> contexts() const;
  bool empty() const { return files_.empty(); }
  // All files' names.
  std::string names() const;

 private:
  struct File {
    std::string name;
    json::Document document;
  };
  // Entries point into the documents.
  std::vector<std::shared_ptr<const File>> files_;
};

// The text of a field that must be text, without showing what it is instead; "" where it is absent.
Result<std::string> text_of(const json::Reader& reader, std::string_view key);
// A path as the file means it. A bare command ("aws") is left to PATH where `in_path`.
std::string resolve(const std::string& file, const std::string& path, bool in_path = false);

}  // namespace ordeal::kube
