// Outside text in the languages of what is made here. Each gives a text that is shown as the original was written.
#pragma once

#include <string>
#include <string_view>

namespace ordeal::dashboard {

// In an alert's label or annotation, a template of Go: `{{` is no action.
std::string in_template(std::string_view text);
// As a double-quoted scalar of YAML, on one line, which every reader of YAML 1.1 and 1.2 takes for this very text.
std::string in_yaml(std::string_view text);
// In a query that Grafana sends: $name, ${name} and [[name]] within its strings are no variables. `query` is printed.
std::string in_grafana_query(std::string_view query);
// In a panel's title or description: the same, by an invisible joiner, as Grafana knows no escape there.
std::string in_grafana_text(std::string_view text);

}  // namespace ordeal::dashboard
