// Parts: the attacks of an experiment that are not simply one for its whole length: `attacks`, `pulse` and `ramp` of
// its file (docs/formats/experiment.md), read and written. When each is in force is schedule.h's.
#pragma once

#include "core/base/result.h"
#include "core/json/reader.h"
#include "core/model/input/experiment.h"

namespace ordeal {

// `attack`, and `length` beside it, of an experiment or of one of its `attacks`.
Result<Attack> decode_attack(const json::Reader& root);
// Target and attack of a file, or its parts. `experiment.attack` then stands for all of them: its length is the window.
Result<> decode_what_is_done(const json::Reader& root, Experiment& experiment);
// Adds what decode_what_is_done() reads.
void put_what_is_done(const Experiment& experiment, json::Object& object);

// "5s on, 5s off", "delay from 100ms to 2s in 5 steps"; "" is steady.
std::string course_in_words(const Part& part);

}  // namespace ordeal
