#include "fault/attacks/undo.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

UndoRecord record(const std::string& operation, json::Object data) {
  return {operation, std::move(data), "undo it", boot_id().value()};
}

TEST(Undo, ARecordSurvivesItsJson) {
  UndoRecord first = record("continue", {{"processes", json::Array{json::Object{{"pid", 12}, {"start", 34}}}}});
  auto second = undo_record_from_json(json::parse(json::write(to_json(first))).value());
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->operation, first.operation);
  EXPECT_EQ(json::write(second->data), json::write(first.data));
  EXPECT_EQ(second->text, first.text);
  EXPECT_EQ(second->boot_id, first.boot_id);
}

TEST(Undo, ARecordOfAnotherBootHasNothingToUndo) {
  UndoRecord old = record("thaw-v1", {});
  old.boot_id = "of-another-boot";
  auto prepared = prepare_undo(old);
  ASSERT_TRUE(prepared);
  EXPECT_EQ(*(*prepared)->run(), Undone::kOtherBoot);
  EXPECT_EQ(*replay_undo(old), Undone::kOtherBoot);
}

TEST(Undo, AnUnknownOperationOrBrokenDataIsAnError) {
  EXPECT_EQ(prepare_undo(record("format-disk", {})).error().code, Errc::kInvalidInput);
  EXPECT_FALSE(prepare_undo(record("thaw-v1", {})));
  EXPECT_FALSE(prepare_undo(record("continue", {{"processes", "x"}})));
  EXPECT_FALSE(prepare_undo(record("continue", {{"processes", json::Array{json::Object{{"pid", 1}, {"start", 2}}}}})));
}

TEST(Undo, WhatIsGoneIsRefusedBeforeAndSuccessAfter) {
  UndoRecord thaw = record("thaw-v2", {{"cgroup", "/x"}, {"folder", "/no/such/folder"}, {"inode", 7}});
  EXPECT_EQ(prepare_undo(thaw).error().code, Errc::kNotFound);
  EXPECT_EQ(*replay_undo(thaw), Undone::kAsBefore);
  UndoRecord resume = record("continue", {{"processes", json::Array{json::Object{{"pid", 1 << 29}, {"start", 34}}}}});
  EXPECT_EQ(*replay_undo(resume), Undone::kAsBefore);
}

}  // namespace
}  // namespace ordeal::fault
