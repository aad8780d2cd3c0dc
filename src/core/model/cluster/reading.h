// What reading the API's objects has in common: fields may be absent, and keys that nobody here knows are passed over.
#pragma once

#include "core/json/fields.h"

namespace ordeal::cluster {

// Objects of the API come as JSON without lines.
inline const json::Origin kNoLines;

// A field that may be absent; then `into` stays as it is.
template <typename T>
Result<> take(const json::Reader& reader, std::string_view key, T& into) {
  if (auto field = TRY(reader.find(key))) into = TRY(json::Codec<T>::read(*field));
  return {};
}

}  // namespace ordeal::cluster
