// Whether a condition that Ordeal cannot read is one of Argo's language all the same. Ordeal reads what a list of
// numbers needs; expr-lang, which Argo has, knows more, and only a text that neither knows is a mistake of its author.
#pragma once

#include <string>
#include <string_view>

namespace ordeal::argo {

// "fields (.ok)", "function reduce()": what Argo knows and Ordeal does not; "" when there is no such thing.
std::string beyond_ordeal(std::string_view condition);

}  // namespace ordeal::argo
