// How the model's own types stand in every protocol that carries them. A Codec or Shape of a type is in one file alone:
// two of them would be two programs' worth of one name, and the linker takes either.
#pragma once

#include "core/json/fields.h"
#include "core/model/input/attack.h"
#include "core/model/proof.h"
#include "core/model/victim.h"

namespace ordeal::json {

template <>
struct Codec<Errc> : Numbers<Errc, Errc::kInternal> {};
template <>
struct Codec<Step> : Whole<Step, step_from_json> {};
template <>
struct Codec<Attack> : Whole<Attack, attack_from_json> {};
template <>
struct Codec<Victim> : Whole<Victim, victim_from_json> {};
template <>
struct Codec<Proof> : Whole<Proof, proof_from_json> {};

}  // namespace ordeal::json
