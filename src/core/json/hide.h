// Secrets in a JSON value (base/secrets.h): in every text, in the value of every key that names one, and in lists of
// arguments the one that follows a flag that names one ("--password", "hunter2") or may take one ("-p", "-a", "-P", but
// for ports; joined too: "-phunter2"), and of "-u" what follows the colon. `known` are hidden wherever they stand.
#pragma once

#include <string>
#include <vector>

#include "core/json/value.h"

namespace ordeal::json {

Value without_secrets(Value value, const std::vector<std::string>& known = {});

}  // namespace ordeal::json
