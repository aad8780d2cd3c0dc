#include "prometheus/metrics/exposition.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "core/base/text/text.h"
#include "prometheus/metrics/line.h"

namespace ordeal::metrics {
namespace {

std::string label(const Sample& sample, std::string_view name) {
  for (const auto& [key, value] : sample.labels) {
    if (key == name) return value;
  }
  return "";
}

TEST(Exposition, ReadsTheTextFormat) {
  auto read = parse_exposition(
      "# HELP http_requests_total Requests,\\nall of them.\n"
      "# TYPE http_requests_total counter\n"
      "\n"
      "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n"
      "http_requests_total{ code = \"400\", } \t 3\n"
      "# just a comment\n"
      "path{p=\"C:\\\\DIR\\\\\",e=\"a \\\"b\\\"\\n\"} 1.458255915e9\n"
      "nan NaN\nposinf +Inf\r\nneginf -Inf",
      Format::kText);
  EXPECT_EQ(read.bad_lines, 0u);
  ASSERT_EQ(read.samples.size(), 6u);
  EXPECT_EQ(read.types.at("http_requests_total"), Type::kCounter);
  EXPECT_EQ(read.help.at("http_requests_total"), "Requests,\nall of them.");
  EXPECT_EQ(read.samples[0].labels,
            (LabelPairs{{"__name__", "http_requests_total"}, {"code", "200"}, {"method", "post"}}));
  EXPECT_EQ(read.samples[0].value, 1027);
  EXPECT_EQ(read.samples[0].timestamp_ms, 1395066363000);
  EXPECT_EQ(label(read.samples[1], "code"), "400");
  EXPECT_EQ(label(read.samples[2], "p"), "C:\\DIR\\");
  EXPECT_EQ(label(read.samples[2], "e"), "a \"b\"\n");
  EXPECT_TRUE(std::isnan(read.samples[3].value));
  EXPECT_EQ(read.samples[4].value, INFINITY);
  EXPECT_EQ(read.samples[5].value, -INFINITY);
}

TEST(Exposition, ReadsOpenMetrics) {
  auto read = parse_exposition(
      "# TYPE foo counter\n# UNIT foo seconds\n# HELP foo Help.\n"
      "foo_total{a=\"b\"} 17.0 1520879607.789 # {trace_id=\"x\"} 0.67\n"
      "foo_created 1520872607.123\n"
      "bar 3 # {id=\"1\"} 4 1520879607.1\n"
      "# EOF\n",
      Format::kOpenMetrics);
  EXPECT_EQ(read.bad_lines, 0u);
  EXPECT_TRUE(read.complete);
  ASSERT_EQ(read.samples.size(), 3u);
  EXPECT_EQ(read.samples[0].timestamp_ms, 1520879607789);
  EXPECT_EQ(read.samples[0].value, 17);
  EXPECT_FALSE(read.samples[2].timestamp_ms);
}

TEST(Exposition, KnowsAnOpenMetricsBodyThatWasCutOff) {
  EXPECT_FALSE(parse_exposition("foo 1\n", Format::kOpenMetrics).complete);
  EXPECT_TRUE(parse_exposition("foo 1\n", Format::kText).complete);
  EXPECT_EQ(parse_exposition("# EOF\nfoo 1\n", Format::kOpenMetrics).bad_lines, 1u);
}

TEST(Exposition, LosesABadLineAndKeepsTheRest) {
  auto read = parse_exposition(
      "good 1\nbad{a=\"b} 1\n1bad 2\nworse{a=\"b\",a=\"c\"} 1\nempty\nbad_value x\nbad_time 1 2.5\n"
      "{a=\"b\"} 1\n# TYPE good fancy\nextra 1 2 3\nbad{a='b'} 1\nbad{__name__=\"x\"} 1\nlatin{a=\"\xe9\"} 1\ngood 2\n",
      Format::kText);
  ASSERT_EQ(read.samples.size(), 2u);
  EXPECT_EQ(read.samples[1].value, 2);
  ASSERT_EQ(read.bad_lines, 12u);
  EXPECT_EQ(read.described[0].line, 2u);
  EXPECT_NE(read.described[0].why.find("does not end"), std::string::npos);
  EXPECT_NE(read.described[2].why.find("label a is given twice"), std::string::npos);
  EXPECT_NE(read.described[4].why.find("expected a number, found \"x\""), std::string::npos);
  EXPECT_NE(read.described[7].why.find("unknown type \"fancy\""), std::string::npos);
}

TEST(Exposition, DescribesOnlyTheFirstBadLines) {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += "{\n";
  auto read = parse_exposition(body, Format::kText);
  EXPECT_EQ(read.bad_lines, 1000u);
  EXPECT_EQ(read.described.size(), kMostDescribed);
}

TEST(Exposition, ReadsQuotedUtf8Names) {
  auto read = parse_exposition("# TYPE \"my.metric\" gauge\n{\"my.metric\",\"label.x\"=\"é\"} 1\n", Format::kText);
  ASSERT_EQ(read.samples.size(), 1u);
  EXPECT_EQ(label(read.samples[0], "__name__"), "my.metric");
  EXPECT_EQ(label(read.samples[0], "label.x"), "é");
  EXPECT_EQ(read.types.at("my.metric"), Type::kGauge);
}

TEST(Exposition, NormalisesBucketBoundsAndQuantilesAsPrometheus3) {
  auto read = parse_exposition(
      "# TYPE h histogram\n# TYPE s summary\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"0.50\"} 1\nh_bucket{le=\"1e6\"} 1\n"
      "h_bucket{le=\"+Inf\"} 2\ns{quantile=\"1\"} 3\ng{le=\"1\"} 4\nh_bucket{le=\"many\"} 1\n",
      Format::kText);
  ASSERT_EQ(read.samples.size(), 7u);
  EXPECT_EQ(label(read.samples[0], "le"), "1.0");
  EXPECT_EQ(label(read.samples[1], "le"), "0.5");
  EXPECT_EQ(label(read.samples[2], "le"), "1e+06");
  EXPECT_EQ(label(read.samples[3], "le"), "+Inf");
  EXPECT_EQ(label(read.samples[4], "quantile"), "1.0");
  EXPECT_EQ(label(read.samples[5], "le"), "1") << "not a bucket";
  EXPECT_EQ(label(read.samples[6], "le"), "many");
}

TEST(Exposition, TellsTheFormatByItsContentType) {
  EXPECT_EQ(format_of("application/openmetrics-text; version=1.0.0; charset=utf-8"), Format::kOpenMetrics);
  EXPECT_EQ(format_of("text/plain; version=0.0.4"), Format::kText);
  EXPECT_EQ(format_of(""), Format::kText);
}

TEST(Exposition, RefusesTextThatIsNotUtf8) {
  EXPECT_TRUE(valid_utf8("aé€😀"));
  EXPECT_FALSE(valid_utf8("\xc0\xaf"));
  EXPECT_FALSE(valid_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(valid_utf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(valid_utf8("\xe2\x82"));
}

std::string random_text(Random& random, bool name) {
  const char* letters[] = {"a", "Z", "_", "9", ".", " ", "\\", "\"", "\n", "é", "{", "}", ",", "=", "#", "n"};
  std::string text = name && random.below(4) > 0 ? "x" : "";
  size_t length = random.below(8) + (name ? 1 : 0);
  for (size_t i = 0; i < length; ++i) text += letters[random.below(name && text.starts_with('x') ? 4 : 16)];
  return text;
}

double random_value(Random& random) {
  constexpr double kSpecial[] = {0, -0.0, 1, INFINITY, -INFINITY, 1e-308, 1e308, 0.1};
  if (random.below(3) == 0) return kSpecial[random.below(8)];
  return (random.uniform() - 0.5) * std::pow(10.0, static_cast<double>(random.below(40)) - 20);
}

Sample random_sample(Random& random) {
  std::map<std::string, std::string> labels;
  for (size_t i = random.below(4); i > 0; --i) {
    std::string value = random_text(random, false);
    if (!value.empty()) labels[random_text(random, true)] = value;
  }
  labels["__name__"] = random_text(random, true);
  Sample sample{LabelPairs(labels.begin(), labels.end()), random_value(random), std::nullopt};
  if (random.below(2)) sample.timestamp_ms = static_cast<int64_t>(random.below(1u << 30)) - (1 << 20);
  return sample;
}

TEST(Exposition, ReadsBackWhateverItWrites) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    Family family{random_text(random, true), static_cast<Type>(random.below(8)), random_text(random, false), {}};
    for (size_t i = random.below(5); i > 0; --i) family.samples.push_back(random_sample(random));
    std::string text = write_exposition({family});
    auto read = parse_exposition(text, Format::kText);
    ASSERT_EQ(read.bad_lines, 0u) << "seed " << seed << "\n" << text << read.described[0].why;
    ASSERT_EQ(read.samples, family.samples) << "seed " << seed << "\n" << text;
    ASSERT_EQ(read.types.at(family.name), family.type);
  }
}

TEST(Exposition, ReadsPastAnExemplarInTheTextFormatToo) {
  for (Format format : {Format::kText, Format::kOpenMetrics}) {
    auto read = parse_exposition(
        "# TYPE h histogram\nh_bucket{le=\"1\"} 3 # {trace_id=\"a b\"} 0.9\nh_bucket{le=\"5\"} 4 # {} 3.9 1.2\n"
        "h_bucket{le=\"+Inf\"} 5 1700000000 # {trace_id=\"c\"} 7 1700000000\nh_count 5 #\n# EOF\n",
        format);
    ASSERT_EQ(read.samples.size(), 4u);
    EXPECT_EQ(read.lost_samples, 0u);
    EXPECT_EQ(read.samples[1].value, 4);
    EXPECT_TRUE(read.samples[2].timestamp_ms);
  }
}

// Whatever happens to a byte of a page: each line is a sample, or it is known to be lost.
TEST(Exposition, NoLineIsLostUnnoticed) {
  std::string page;
  for (int i = 0; i < 8; ++i) page += "h_bucket{le=\"" + std::to_string(i) + "\",a=\"b c\"} 1 # {trace_id=\"x\"} 0.5\n";
  for (Format format : {Format::kText, Format::kOpenMetrics}) {
    for (uint64_t seed = 0; seed < 3000; ++seed) {
      Random random(seed);
      std::string mutated = page;
      size_t at = random.below(mutated.size());
      char byte = static_cast<char>(random.below(256));
      bool begins = at == 0 || mutated[at - 1] == '\n';
      if (mutated[at] == '\n' || byte == '\n' || (begins && byte == '#')) continue;
      mutated[at] = byte;
      auto read = parse_exposition(mutated, format);
      EXPECT_EQ(read.samples.size() + read.lost_samples, 8u) << seed << ": " << mutated;
    }
  }
}

TEST(Exposition, ACommentThatCannotBeReadLosesNoSample) {
  auto read = parse_exposition("# TYPE x fancy\nx 1\ny{ 2\n", Format::kText);
  EXPECT_EQ(read.bad_lines, 2u);
  EXPECT_EQ(read.lost_samples, 1u);
}

}  // namespace
}  // namespace ordeal::metrics
