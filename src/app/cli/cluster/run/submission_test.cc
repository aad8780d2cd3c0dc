#include "app/cli/cluster/run/submission.h"

#include <gtest/gtest.h>

#include "core/json/yaml.h"

namespace ordeal::cli {
namespace {

constexpr const char* kFlat =
    "{name: 'Slow /pay!', target: {type: kubernetes, namespace: shop, labels: {app: pay}}, "
    "attack: {type: latency, args: {delay: 5}, length: 1m}}";
constexpr const char* kResource =
    "{apiVersion: ordeal.dev/v1alpha1, kind: Experiment, metadata: {name: slow-pay, namespace: shop, uid: old, "
    "labels: {team: pay}}, spec: {target: {type: kubernetes, labels: {app: pay}}, attack: {type: latency}}, "
    "status: {run: r1}}";

session::Prepared prepared_from(const char* text) {
  session::Prepared prepared;
  json::Document document = json::parse_yaml(text).value();
  prepared.file = document.value;
  prepared.experiment = decode_experiment(document).value();
  return prepared;
}

json::Object spec_of(const Submission& submission) { return submission.object.at("spec").get_object(); }

TEST(Submission, AFlatFileIsTheSpecAsItStands) {
  Submission made = make_submission(prepared_from(kFlat), {}, "default").value();
  EXPECT_EQ(made.namespace_, "shop");
  EXPECT_EQ(made.name(), "slow-pay");
  EXPECT_EQ(json::Value(spec_of(made)), json::parse_yaml(kFlat).value().value);
}

TEST(Submission, OfAResourceOnlyWhatAPersonWroteIsKept) {
  Submission made = make_submission(prepared_from(kResource), {}, "default").value();
  EXPECT_EQ(json::write(made.object.at("metadata")),
            R"({"labels":{"team":"pay"},"name":"slow-pay","namespace":"shop"})");
  EXPECT_FALSE(made.object.contains("status"));
}

TEST(Submission, TheNamespaceIsTheFilesElseTheFlagsElseTheTargetsElseTheContexts) {
  ExperimentOptions flag;
  flag.where.namespace_ = "other";
  auto clash = make_submission(prepared_from(kResource), flag, "default");
  ASSERT_FALSE(clash);
  EXPECT_EQ(clash.error().code, Errc::kInvalidInput);
  EXPECT_EQ(make_submission(prepared_from(kFlat), flag, "default")->namespace_, "other");
  EXPECT_EQ(make_submission(prepared_from(kFlat), {}, "default")->namespace_, "shop");
  constexpr const char* kNowhere = "{name: a, target: {type: kubernetes, labels: {app: a}}, attack: {type: latency}}";
  EXPECT_EQ(make_submission(prepared_from(kNowhere), {}, "context")->namespace_, "context");
}

TEST(Submission, ExpectationsOfASecondFileComeBehindTheFirstOnes) {
  session::Prepared prepared = prepared_from(
      "{name: a, target: {type: kubernetes, namespace: shop, labels: {app: a}}, attack: {type: latency}, expect: "
      "[{query: up, condition: result > 0}]}");
  prepared.expect_file =
      json::parse_yaml("{baseline: 9s, expect: [{query: down, condition: result < 1}]}").value().value;
  json::Object spec = spec_of(make_submission(prepared, {}, "").value());
  EXPECT_EQ(spec.at("expect").as_array().size(), 2u);
  EXPECT_EQ(spec.at("expect").as_array()[1].at("query"), "down");
  EXPECT_EQ(spec.at("baseline"), "9s");
}

TEST(Submission, WhatAnotherFormatGaveIsTakenFromTheDecodedExperiment) {
  session::Prepared prepared = prepared_from(kFlat);
  Expectation derived;
  derived.name = "errors";
  derived.query = "rate(errors[1m])";
  derived.condition = "result < 1";
  prepared.experiment.expect.push_back(derived);
  prepared.experiment.sources.prometheus = "http://prometheus:9090";
  json::Object spec = spec_of(make_submission(prepared, {}, "").value());
  EXPECT_EQ(spec.at("expect").as_array()[0].at("query"), "rate(errors[1m])");
  EXPECT_EQ(spec.at("sources").at("prometheus"), "http://prometheus:9090");
}

TEST(Submission, NoRollbackTakesTheFilesOwnAway) {
  session::Prepared prepared = prepared_from(kFlat);
  prepared.file.as_object()["rollback"] = json::Array{};
  ExperimentOptions options;
  EXPECT_TRUE(spec_of(make_submission(prepared, options, "").value()).contains("rollback"));
  options.no_rollback = true;
  EXPECT_FALSE(spec_of(make_submission(prepared, options, "").value()).contains("rollback"));
}

TEST(Submission, ANameThatIsTakenGetsASuffix) {
  Submission made = make_submission(prepared_from(kFlat), {}, "").value();
  made.add_suffix(0);
  EXPECT_EQ(made.name(), "slow-pay-aaaaa");
}

TEST(Submission, ANameBecomesADnsLabel) {
  EXPECT_EQ(dns_label("The p95 of /pay!"), "the-p95-of-pay");
  EXPECT_EQ(dns_label("--é--"), "experiment");
  EXPECT_EQ(dns_label(std::string(80, 'x')).size(), 57u);
  EXPECT_EQ(dns_label(std::string(56, 'x') + "--y"), std::string(56, 'x'));
}

TEST(Submission, FlagsOfAHostAreRefusedByName) {
  ExperimentOptions options;
  EXPECT_TRUE(refuse_flags_of_a_host(options));
  options.policies = {"policy.yaml"};
  EXPECT_NE(refuse_flags_of_a_host(options).error().what.find("--policy"), std::string::npos);
  options = {};
  options.inventory = "inventory.yaml";
  EXPECT_NE(refuse_flags_of_a_host(options).error().what.find("--inventory"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::cli
