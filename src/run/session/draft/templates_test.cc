// Each template is an experiment as it stands. That each can be run, tests/kernel/templates_test.py shows.
#include "run/session/draft/templates.h"

#include <gtest/gtest.h>

#include <set>

#include "core/json/yaml.h"
#include "core/model/input/experiment.h"
#include "fault/attacks/fault.h"
#include "run/session/prepare.h"

namespace ordeal::session {
namespace {

Result<Experiment> experiment_of(const Template& one) {
  json::Document document = TRY(json::parse_document(one.text));
  Experiment experiment = TRY(decode_experiment(document));
  TRY_VOID(fault::resolve(experiment.attack));
  TRY_VOID(check_expectations(experiment));
  return experiment;
}

TEST(Templates, EachIsAnExperiment) {
  EXPECT_GE(templates().size(), 30u);
  std::set<std::string> names;
  for (const Template& one : templates()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_TRUE(one.summary.ends_with('.') && one.summary.size() <= 120) << one.name << ": " << one.summary;
    EXPECT_GE(std::count(one.text.begin(), one.text.end(), '#'), 2) << one.name << " has too few comments";
    auto experiment = experiment_of(one);
    EXPECT_TRUE(experiment) << one.name << ": " << experiment.error().message();
  }
}

TEST(Templates, EachAttackHasOneOfItsName) {
  for (const fault::Fault* fault : fault::all_faults()) {
    const Template* found = find_template(fault->info().type);
    ASSERT_NE(found, nullptr) << fault->info().type;
    EXPECT_EQ(experiment_of(*found)->attack.type, fault->info().type);
  }
}

TEST(Templates, ThoseOfFilesSayWhatMustHold) {
  for (const Template& one : templates()) {
    auto experiment = experiment_of(one);
    auto fault = fault::find_fault(experiment->attack.type);
    bool made = one.name == experiment->attack.type;
    EXPECT_TRUE(made || (*fault)->info().only_looks || !experiment->expect.empty()) << one.name;
    EXPECT_FALSE(experiment->hypothesis.empty()) << one.name;
  }
}

// The oldest in a container is mostly its first process, which is spared.
TEST(Templates, AProcessThatIsKilledIsAWorker) {
  for (const Template& one : templates()) {
    auto experiment = experiment_of(one);
    if (experiment->attack.type != "process_killer") continue;
    const json::Value* newest = experiment->attack.args.if_contains("newest");
    EXPECT_TRUE(newest && newest->is_bool() && newest->get_bool()) << one.name;
  }
}

TEST(Templates, AWrongNameHasNone) { EXPECT_EQ(find_template("slow-databse"), nullptr); }

}  // namespace
}  // namespace ordeal::session
