// Manifest: the Argo objects of one or more files, found by name. Objects of other kinds (a Service, a Deployment) may
// stand between them; they are named and left alone.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "interop/argo/objects/rollout.h"
#include "interop/argo/objects/template.h"

namespace ordeal::argo {

struct Manifest {
  std::vector<Template> templates;  // of both kinds
  std::vector<Template> runs;
  std::vector<Rollout> rollouts;
  std::vector<std::string> ignored;  // "Service payments"

  // Where templates and runs stand in their lists.
  std::multimap<std::pair<Template::Scope, std::string>, size_t> by_name;

  // Null when there is none.
  const Template* find(const TemplateRef& ref) const;
};

// Whether apiVersion is Argo's (argoproj.io/…) and the kind one that this folder reads.
bool is_argo_object(const json::Value& value);
// The items of a List (kubectl get -o yaml), also within another; else the document itself.
std::vector<json::Document> unfold(const json::Document& document);
// Adds what the document holds, a List's items each. A second object of the same kind and name is an error.
Result<> add_document(Manifest& manifest, const json::Document& document, const std::string& file = {});

// The templates that the references name and, with them, those that these name in turn, each once; an error names
// what is missing or refers to itself.
Result<std::vector<const Template*>> follow(const Manifest& manifest, const std::vector<TemplateRef>& refs);

}  // namespace ordeal::argo
