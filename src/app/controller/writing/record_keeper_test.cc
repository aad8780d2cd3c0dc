#include "app/controller/writing/record_keeper.h"

#include <gtest/gtest.h>

namespace ordeal::controller {
namespace {

const RecordOwner kOwner{"shop", "slow", "uid-slow", "r20261123t201504z-k3x5q"};

json::Value written(const RecordOwner& owner, int index) {
  return json::parse(record_write(owner, {index, true, "bytes"}).body).value();
}

TEST(RecordParts, OnlyThoseOfTheOwnersRunAreTaken) {
  json::Array maps{written(kOwner, 0), written(kOwner, 1)};
  RecordOwner other = kOwner;
  other.uid = "uid-other";
  maps.push_back(written(other, 2));
  other = kOwner;
  other.run = "r20261123t201504z-aaaaa";
  maps.push_back(written(other, 3));
  json::Value forged = written(kOwner, 4);
  forged.as_object()["metadata"].as_object()["name"] = "mine-4";
  maps.push_back(forged);
  maps.push_back(written(kOwner, store::kMostParts));
  json::Value orphan = written(kOwner, 5);
  orphan.as_object()["metadata"].as_object().erase("ownerReferences");
  maps.push_back(orphan);
  auto parts = record_parts(kOwner, maps);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].index, 0);
  EXPECT_EQ(parts[1].index, 1);
  EXPECT_EQ(parts[1].gzip, "bytes");
}

}  // namespace
}  // namespace ordeal::controller
