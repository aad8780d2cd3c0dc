// Claims: what an impact holds while it is in force, as text "RESOURCE/FIELD".
//   RESOURCE  host            all of the machine
//             cgroup:PATH     all that lives in that cgroup or below it
//             within:PATH     something that lives in that very cgroup
//             process:PID
//             netns:INODE     a network namespace
//             resolver        the host's own look-ups of names
//   FIELD     what of it is changed: running, processes (who is alive), cpu, memory, pids, disk, io,
//             descriptors, guest (a process of ours lives there), power,
//             packets/arrival, packets/departure; "packets/*" is both, and the impacts of one run may hold it
//             together; answers (of look-ups) meets lookups, which any number hold.
// Two impacts whose claims meet must not be in force at once: one would undo, hide or outlive the other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ordeal {

enum class Between { kRuns, kImpactsOfOneRun };

// Whether its field is one of those above: only such claims meet by what they mean.
bool is_known_claim(std::string_view claim);

// Symmetric. `a` and `b` are claims of two impacts, never of the same one.
bool claims_meet(std::string_view a, std::string_view b, Between between = Between::kRuns);

// The first two that meet, one of each list.
std::optional<std::pair<std::string, std::string>> first_meeting(const std::vector<std::string>& held,
                                                                 const std::vector<std::string>& wanted,
                                                                 Between between = Between::kRuns);
// For a refusal: "cgroup:/p/running", or with what of the other it meets.
std::string describe_meeting(const std::pair<std::string, std::string>& meeting);

}  // namespace ordeal
