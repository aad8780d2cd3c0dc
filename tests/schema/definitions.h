// The CustomResourceDefinitions in charts/ordeal/crds. The spec of an Experiment is made from the schema of experiment
// files, the arguments of attacks from their own descriptions, every status and the spec of an Injection from the
// fields that their codecs write (core/model/cluster/shapes.h).
#pragma once

#include <vector>

#include "core/json/value.h"
#include "schema/generate.h"

namespace ordeal::schema {

std::vector<Generated> resource_definitions(const json::Value& experiment_schema);

}  // namespace ordeal::schema
