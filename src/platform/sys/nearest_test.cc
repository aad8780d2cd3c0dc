#include "platform/sys/nearest.h"

#include <gtest/gtest.h>

namespace ordeal::sys {
namespace {

const std::vector<std::string> kPrograms{"nginx", "postgres", "redis-server", "cat"};

TEST(Nearest, AThirdOfTheLettersMayBeWrong) {
  EXPECT_EQ(nearest_name("postgers", kPrograms), "postgres");
  EXPECT_EQ(nearest_name("ngimx", kPrograms), "nginx");
  EXPECT_EQ(nearest_name("nbimx", kPrograms), "");
  EXPECT_EQ(nearest_name("", kPrograms), "");
}

TEST(Nearest, TwoNeighboursThatChangedPlacesAreOneMistake) {
  EXPECT_EQ(nearest_name("ngnix", kPrograms), "nginx");
  EXPECT_EQ(nearest_name("nignx", kPrograms), "nginx");
  EXPECT_EQ(nearest_name("act", kPrograms), "cat");
}

TEST(Nearest, ElseOneThatContainsTheWord) {
  EXPECT_EQ(nearest_name("redis", kPrograms), "redis-server");
  EXPECT_EQ(nearest_name("postgres-main", kPrograms), "postgres");
}

}  // namespace
}  // namespace ordeal::sys
