#include "interop/argo/objects/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ordeal::argo {
namespace {

using Scope = Template::Scope;

std::string text_at(const json::Value& value, std::string_view key) {
  const json::Object* object = value.if_object();
  const json::Value* field = object ? object->if_contains(key) : nullptr;
  return field && field->is_string() ? std::string(field->get_string()) : "";
}

bool is_template_kind(std::string_view kind) {
  return kind == "AnalysisTemplate" || kind == "ClusterAnalysisTemplate" || kind == "AnalysisRun";
}

Result<> add_template(Manifest& manifest, const json::Document& document, const std::string& file) {
  Template made = TRY(decode_template(document));
  made.file = file;
  std::vector<Template>& all = made.kind == Scope::kRun ? manifest.runs : manifest.templates;
  auto [first, last] = manifest.by_name.equal_range({made.kind, made.name});
  for (auto other = first; other != last; ++other)
    if (all[other->second].namespace_ == made.namespace_)
      return json::Reader(document).refuse(
          fmt::format("there are two {}s of the name \"{}\"", to_text(made.kind), made.name));
  manifest.by_name.insert({{made.kind, made.name}, all.size()});
  all.push_back(std::move(made));
  return {};
}

class Follower {
 public:
  explicit Follower(const Manifest& manifest) : manifest_(manifest) {}

  Result<> follow(const std::vector<TemplateRef>& refs) {
    for (const TemplateRef& ref : refs) {
      const char* kind = ref.cluster ? "ClusterAnalysisTemplate" : "AnalysisTemplate";
      const Template* made = manifest_.find(ref);
      if (!made)
        return refuse(ref, fmt::format("no {} of the name \"{}\" is in the given files", kind, ref.name),
                      "give the file that defines it, too");
      // Argo itself goes round for ever.
      bool round = std::find(path_.begin(), path_.end(), made) != path_.end();
      if (round || path_.size() > kDeepest)
        return refuse(ref, fmt::format("the {} \"{}\" refers to itself, or to too many", kind, ref.name), "");
      if (!seen_.insert(made).second) continue;
      found.push_back(made);
      path_.push_back(made);
      TRY_VOID(follow(made->templates));
      path_.pop_back();
    }
    return {};
  }

  std::vector<const Template*> found;

 private:
  static constexpr size_t kDeepest = 64;

  static Unexpected refuse(const TemplateRef& ref, const std::string& why, const std::string& hint) {
    return fail(Errc::kInvalidInput, fmt::format("line {}: {}: {}", line_in(ref.origin, ""), ref.origin.path, why),
                hint);
  }

  const Manifest& manifest_;
  std::vector<const Template*> path_;
  std::set<const Template*> seen_;
};

// The lines of what stands below `path`, as they are called there.
std::map<std::string, int> lines_below(const std::map<std::string, int>& lines, const std::string& path) {
  std::map<std::string, int> below;
  for (auto line = lines.lower_bound(path); line != lines.end() && line->first.starts_with(path); ++line) {
    std::string_view rest = std::string_view(line->first).substr(path.size());
    if (rest.empty() || rest.front() == '.') below.emplace(rest.empty() ? rest : rest.substr(1), line->second);
  }
  return below;
}

}  // namespace

const Template* Manifest::find(const TemplateRef& ref) const {
  Scope kind = ref.cluster ? Scope::kClusterTemplate : Scope::kTemplate;
  auto found = by_name.find({kind, ref.name});
  return found == by_name.end() ? nullptr : &templates[found->second];
}

bool is_argo_object(const json::Value& value) {
  std::string kind = text_at(value, "kind");
  return text_at(value, "apiVersion").starts_with("argoproj.io/") && (kind == "Rollout" || is_template_kind(kind));
}

std::vector<json::Document> unfold(const json::Document& document) {
  const json::Object* object = document.value.if_object();
  const json::Value* items = object ? object->if_contains("items") : nullptr;
  if (text_at(document.value, "kind") != "List" || !items || !items->is_array()) return {document};
  std::vector<json::Document> all;
  for (size_t i = 0; i < items->get_array().size(); ++i) {
    json::Document item{items->get_array()[i], lines_below(document.lines, fmt::format("items[{}]", i))};
    for (json::Document& one : unfold(item)) all.push_back(std::move(one));
  }
  return all;
}

static Result<> add_one(Manifest& manifest, const json::Document& document, const std::string& file) {
  std::string kind = text_at(document.value, "kind"), version = text_at(document.value, "apiVersion");
  if (!is_argo_object(document.value)) {
    json::Reader root(document);
    if (version.empty() || kind.empty()) return root.refuse("expected an object with apiVersion and kind");
    ObjectName name = decode_name(root).value_or(ObjectName{});
    manifest.ignored.push_back(name.name.empty() ? kind : kind + " " + name.name);
    return {};
  }
  if (version != "argoproj.io/v1alpha1")
    return json::Reader(document).refuse(
        fmt::format("apiVersion: expected argoproj.io/v1alpha1, found \"{}\"", version));
  if (is_template_kind(kind)) return add_template(manifest, document, file);
  manifest.rollouts.push_back(TRY(decode_rollout(document)));
  manifest.rollouts.back().file = file;
  return {};
}

Result<> add_document(Manifest& manifest, const json::Document& document, const std::string& file) {
  for (const json::Document& one : unfold(document)) TRY_VOID(add_one(manifest, one, file));
  return {};
}

Result<std::vector<const Template*>> follow(const Manifest& manifest, const std::vector<TemplateRef>& refs) {
  Follower follower(manifest);
  TRY_VOID(follower.follow(refs));
  return std::move(follower.found);
}

}  // namespace ordeal::argo
