// What select() finds is what a look at each series finds, whatever was appended, expired and asked before.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "prometheus/promql/store/series_store.h"

namespace ordeal::promql {
namespace {

class Rng {
 public:
  explicit Rng(unsigned seed) : engine_(seed) {}
  size_t below(size_t limit) { return engine_() % limit; }
  template <typename Item>
  Item one_of(std::initializer_list<Item> items) {
    return items.begin()[below(items.size())];
  }

 private:
  std::mt19937 engine_;
};

Labels random_labels(Rng& rng) {
  std::vector<Labels::Pair> pairs{{"__name__", rng.one_of({"requests", "requests", "requests", "up"})}};
  for (const char* name : {"a", "b", "job"})
    if (rng.below(4) > 0) pairs.emplace_back(name, rng.one_of({"x", "y", "xy", "10", "5"}));
  if (rng.below(2) > 0) pairs.emplace_back("pod", std::to_string(rng.below(40)));
  return Labels(std::move(pairs));
}

std::vector<Matcher> random_matchers(Rng& rng) {
  std::vector<Matcher> matchers;
  auto add = [&](MatchType type, const char* name, std::string value) {
    matchers.push_back(*Matcher::create(type, name, std::move(value)));
  };
  if (rng.below(4) > 0) add(MatchType::kEqual, "__name__", rng.one_of({"requests", "requests", "up", "none"}));
  if (rng.below(8) == 0) add(MatchType::kRegex, "__name__", rng.one_of({"re.*", "up|requests", ".*"}));
  for (size_t i = rng.below(4); i > 0; --i) {
    const char* name = rng.one_of({"a", "b", "job", "pod", "absent"});
    switch (rng.below(4)) {
      case 0:
        add(MatchType::kEqual, name, rng.one_of({"x", "10", "", "7", "nowhere"}));
        break;
      case 1:
        add(MatchType::kNotEqual, name, rng.one_of({"x", "10", "", "7", "nowhere"}));
        break;
      case 2:
        add(MatchType::kRegex, name,
            rng.one_of({"x|y", "(5|10)", "x|x|nowhere", "1.", "x.*", "", "|x", ".+", "[0-9]+"}));
        break;
      default:
        add(MatchType::kNotRegex, name, rng.one_of({"x|y", "1.*", "", ".*", "|x"}));
    }
  }
  return matchers;
}

bool by_labels(const Series& a, const Series& b) { return a.labels < b.labels; }

void expect_same_as_a_scan(const SeriesStore& store, const std::vector<Matcher>& matchers) {
  std::vector<Series> expected = store.select({}).series;
  std::erase_if(expected, [&](const Series& series) {
    return !std::all_of(matchers.begin(), matchers.end(),
                        [&](const Matcher& matcher) { return matcher.matches(series.labels.get(matcher.name())); });
  });
  Selection found = store.select(matchers);
  ASSERT_EQ(found.series.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found.series[i].labels, expected[i].labels);
    EXPECT_EQ(found.series[i].samples.data(), expected[i].samples.data());
    EXPECT_EQ(found.series[i].samples.size(), expected[i].samples.size());
  }
}

// Values of an index are equal where those of the labels are.
void expect_true_index(const Selection& found) {
  if (!found.index) return;
  ASSERT_EQ(found.rows.size(), found.series.size());
  for (const std::string name : {"a", "pod", "absent"}) {
    auto values = found.index->values(name);
    if (!values) continue;
    std::map<uint32_t, std::string_view> texts;
    std::map<std::string_view, uint32_t> numbers;
    for (size_t i = 0; i < found.rows.size(); ++i) {
      uint32_t number = values->of_row[found.rows[i]];
      std::string_view text = found.series[i].labels.get(name);
      EXPECT_LT(number, values->numbers);
      EXPECT_EQ(texts.try_emplace(number, text).first->second, text);
      EXPECT_EQ(numbers.try_emplace(text, number).first->second, number);
    }
  }
}

TEST(Selection, IsThatOfALinearScanAfterAnyHistory) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    SeriesStore store({.keep_ms = 10'000, .series = 150, .samples_per_series = 20, .samples = 1500});
    int64_t now = 0;
    for (int round = 0; round < 40; ++round) {
      now += rng.one_of<int64_t>({100, 1000, 1000, 4000, 11'000});
      for (size_t i = rng.below(60); i > 0; --i) {
        int64_t late = rng.below(5) == 0 ? static_cast<int64_t>(rng.below(3000)) : 0;
        store.append(random_labels(rng), now - late, rng.below(20) == 0 ? stale_nan() : static_cast<double>(i));
      }
      for (int i = 0; i < 4; ++i) {
        expect_same_as_a_scan(store, random_matchers(rng));
        expect_true_index(store.select(random_matchers(rng)));
      }
    }
  }
}

TEST(Selection, HasWhatWasAppendedAndIsYoungEnough) {
  constexpr int64_t kKeep = 10'000;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    SeriesStore store({.keep_ms = kKeep});
    std::map<Labels, std::vector<Sample>> accepted;
    int64_t now = 0;
    for (int round = 0; round < 400; ++round) {
      now += rng.one_of<int64_t>({0, 1, 500, 9000});
      int64_t at = now - static_cast<int64_t>(rng.below(3) == 0 ? rng.below(2000) : 0);
      Labels labels = random_labels(rng);
      std::vector<Sample>& of_series = accepted[labels];
      bool fresh = of_series.empty() || of_series.back().ms < at || of_series.back().ms < now - kKeep;
      ASSERT_EQ(store.append(labels, at, round), fresh);
      if (fresh) of_series.push_back({at, static_cast<double>(round)});
    }
    auto all = store.select({}).series;
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), by_labels));
    EXPECT_EQ(all.size(), store.series_count());
    size_t samples = 0;
    for (const Series& series : all) samples += series.samples.size();
    EXPECT_EQ(samples, store.sample_count());
    for (const auto& [labels, expected] : accepted) {
      auto found = std::lower_bound(all.begin(), all.end(), Series{labels, {}}, by_labels);
      bool there = found != all.end() && found->labels == labels;
      for (const Sample& sample : expected) {
        if (sample.ms < now - kKeep) continue;
        ASSERT_TRUE(there);
        EXPECT_TRUE(std::any_of(found->samples.begin(), found->samples.end(), [&](const Sample& kept) {
          return kept.ms == sample.ms && kept.value == sample.value;
        }));
      }
    }
  }
}

TEST(Selection, OfManyLabelsAskedForStaysRight) {
  SeriesStore store;
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back("label" + std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    std::vector<Labels::Pair> pairs{{"__name__", "wide"}};
    for (size_t k = 0; k < names.size(); ++k) pairs.emplace_back(names[k], std::to_string((i + k) % 7));
    pairs.emplace_back("own", std::to_string(i));
    store.append(Labels(std::move(pairs)), 1000, 1);
  }
  for (const std::string& name : names) {
    std::vector<Matcher> matchers{*Matcher::create(MatchType::kEqual, "__name__", "wide"),
                                  *Matcher::create(MatchType::kEqual, name, "3"),
                                  *Matcher::create(MatchType::kNotRegex, "own", "9.*|1")};
    expect_same_as_a_scan(store, matchers);
    expect_true_index(store.select(matchers));
  }
}

TEST(Selection, KnowsWhetherLabelsDifferWithoutTheName) {
  SeriesStore store;
  store.append({{"__name__", "plain"}, {"a", "1"}}, 1000, 1);
  store.append({{"__name__", "typed"}, {"__type__", "counter"}}, 1000, 1);
  auto one_metric = [&](MatchType type, const char* name) {
    return store.select(std::vector<Matcher>{*Matcher::create(type, "__name__", name)}).one_metric;
  };
  EXPECT_TRUE(one_metric(MatchType::kEqual, "plain"));
  EXPECT_FALSE(one_metric(MatchType::kEqual, "typed"));
  EXPECT_FALSE(one_metric(MatchType::kRegex, "plain"));
}

TEST(Matcher, ListsWhatAnAlternationOfTextsMatches) {
  auto listed = [](MatchType type, const char* value) {
    auto matcher = *Matcher::create(type, "a", value);
    return matcher.listed() ? *matcher.listed() : std::vector<std::string>{"not listed"};
  };
  using Texts = std::vector<std::string>;
  EXPECT_EQ(listed(MatchType::kEqual, "a|b"), (Texts{"a|b"}));
  EXPECT_EQ(listed(MatchType::kRegex, "a|b"), (Texts{"a", "b"}));
  EXPECT_EQ(listed(MatchType::kRegex, "(a|b)"), (Texts{"a", "b"}));
  EXPECT_EQ(listed(MatchType::kRegex, "a|"), (Texts{"a", ""}));
  EXPECT_EQ(listed(MatchType::kRegex, ""), (Texts{""}));
  for (const char* pattern : {"a.b", "(a)|(b)", "a|b*", "^a", "a\\.b", "[ab]", "(?i)a", "(?:a|b)"})
    EXPECT_EQ(listed(MatchType::kRegex, pattern), (Texts{"not listed"}));
  EXPECT_EQ(listed(MatchType::kNotRegex, "a|b"), (Texts{"not listed"}));
}

}  // namespace
}  // namespace ordeal::promql
