#include "platform/kube/access/kubeconfig.h"

#include <fmt/core.h>

#include <filesystem>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::kube {
namespace {

Unexpected in_file(const std::string& file, Error error) {
  error.what = fmt::format("{}: {}", file, error.what);
  error.code = Errc::kInvalidInput;
  return tl::unexpected(std::move(error));
}

Result<> check_kind(const json::Reader& reader) {
  if (!reader.value().is_object()) return reader.refuse("a kubeconfig is an object with clusters, users and contexts");
  std::string kind = TRY(text_of(reader, "kind"));
  if (!kind.empty() && kind != "Config") return reader.refuse(fmt::format("kind \"{}\" is no kubeconfig", kind));
  return {};
}

// The entry's body; nothing where the list has no such name. kubectl refuses a name that stands twice, and so do we.
Result<std::optional<json::Reader>> find_in(const json::Reader& file, std::string_view list, std::string_view name) {
  auto entries = TRY(file.find(list));
  if (!entries) return std::nullopt;
  std::optional<json::Reader> found;
  for (const json::Reader& item : TRY(entries->items())) {
    if (TRY(text_of(item, "name")) != name) continue;
    if (found) return item.refuse(fmt::format("the name \"{}\" stands twice in {}", name, list));
    found = TRY(item.at(list.substr(0, list.size() - 1)));
  }
  return found;
}

}  // namespace

Result<std::string> text_of(const json::Reader& reader, std::string_view key) {
  auto found = TRY(reader.find(key));
  if (!found) return std::string();
  if (!found->value().is_string()) return found->refuse("expected text (in quotes where it looks like a number)");
  return std::string(found->value().get_string());
}

std::string resolve(const std::string& file, const std::string& path, bool in_path) {
  bool bare = in_path && path.find('/') == std::string::npos;
  if (path.empty() || path[0] == '/' || bare) return path;
  return (std::filesystem::absolute(file).parent_path() / path).lexically_normal().string();
}

Result<std::string> Kubeconfig::Entry::text(std::string_view key) const { return text_of(reader, key); }

Result<bool> Kubeconfig::Entry::flag(std::string_view key) const {
  auto found = TRY(reader.find(key));
  return found ? found->boolean() : false;
}

Result<std::string> Kubeconfig::Entry::path(std::string_view key) const {
  return resolve(file, TRY(text_of(reader, key)));
}

Result<Kubeconfig> Kubeconfig::parse(const std::string& name, std::string_view text) {
  Kubeconfig config;
  if (trim(text).empty()) return config;
  auto file = std::make_shared<File>();
  file->name = name;
  auto document = json::parse_document(text);
  if (!document) return in_file(name, std::move(document.error()));
  file->document = std::move(*document);
  if (auto checked = check_kind(json::Reader(file->document)); !checked)
    return in_file(name, std::move(checked.error()));
  config.files_.push_back(std::move(file));
  return config;
}

Result<Kubeconfig> Kubeconfig::read(const std::vector<std::string>& paths, bool needed) {
  Kubeconfig all;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!needed && !std::filesystem::exists(path, ignored)) continue;
    auto text = read_file(path);
    if (!text) return tl::unexpected(std::move(text.error()));
    Kubeconfig one = TRY(parse(path, *text));
    all.files_.insert(all.files_.end(), one.files_.begin(), one.files_.end());
  }
  return all;
}

Result<std::optional<Kubeconfig::Entry>> Kubeconfig::find(std::string_view list, std::string_view name) const {
  for (const auto& file : files_) {
    auto found = find_in(json::Reader(file->document), list, name);
    if (!found) return in_file(file->name, std::move(found.error()));
    if (*found) return Entry{std::move(**found), file->name};
  }
  return std::nullopt;
}

Result<std::string> Kubeconfig::current_context() const {
  for (const auto& file : files_) {
    auto name = text_of(json::Reader(file->document), "current-context");
    if (!name) return in_file(file->name, std::move(name.error()));
    if (!name->empty()) return *name;
  }
  return std::string();
}

std::vector<std::string> Kubeconfig::contexts() const {
  std::vector<std::string> names;
  for (const auto& file : files_) {
    auto list = json::Reader(file->document).find("contexts");
    auto items = list && *list ? (*list)->items() : Result<std::vector<json::Reader>>();
    if (!items) continue;
    for (const json::Reader& item : *items)
      if (auto name = text_of(item, "name"); name && !name->empty()) names.push_back(*name);
  }
  return names;
}

std::string Kubeconfig::names() const {
  std::vector<std::string> names;
  for (const auto& file : files_) names.push_back(file->name);
  return join(names, ", ");
}

}  // namespace ordeal::kube
