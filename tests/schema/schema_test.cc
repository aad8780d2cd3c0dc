// The published schemas, the generated page and the examples of docs/formats against the decoders.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "core/base/defer.h"
#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/model/run/run_event.h"
#include "fault/attacks/fault.h"
#include "fault/guard/recovery/journal.h"
#include "schema/decoders.h"
#include "schema/generate.h"

namespace ordeal::schema {
namespace {

namespace fs = std::filesystem;
const std::string kRoot = ORDEAL_SOURCE;

std::string file(const std::string& name) { return read_file(kRoot + "/" + name).value(); }

std::vector<std::string> corpus(const std::string& verdict) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kRoot + "/tests/schema/" + verdict))
    if (entry.path().extension() != ".expect") names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string format_of(const std::string& name) { return name.substr(0, name.find('-')); }

std::string verdict_on(const std::string& format, const std::string& text) {
  auto done = decode_text_as(format, text);
  return done ? "no error" : done.error().message();
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

class Good : public testing::TestWithParam<std::string> {};
TEST_P(Good, IsDecoded) {
  EXPECT_EQ(verdict_on(format_of(GetParam()), file("tests/schema/good/" + GetParam())), "no error");
}
INSTANTIATE_TEST_SUITE_P(Corpus, Good, testing::ValuesIn(corpus("good")), test_name);

class Bad : public testing::TestWithParam<std::string> {};
TEST_P(Bad, IsRefusedWithExactlyThisText) {
  std::string name = "tests/schema/bad/" + GetParam();
  EXPECT_EQ(verdict_on(format_of(GetParam()), file(name)) + "\n", file(fs::path(name).replace_extension(".expect")));
  EXPECT_NE(verdict_on(format_of(GetParam()), file(name)), "no error");
}
INSTANTIATE_TEST_SUITE_P(Corpus, Bad, testing::ValuesIn(corpus("bad")), test_name);

TEST(Generated, FilesAreCurrent) {
  for (const Generated& generated : generate(kRoot))
    EXPECT_TRUE(generated.text == file(generated.name))
        << generated.name << " is stale: run build/dev/bin/make_schema .";
}

// An object of a format: its definition in the schema, and where it stands in a full example.
struct Known {
  std::string format;
  std::string definition;  // "" is the root of the schema
  std::string example;     // in tests/schema/good
  std::string pointer;     // JSON pointer
};

const std::vector<Known> kFixedObjects{
    {"experiment", "experiment", "experiment-full.yaml", ""},
    {"experiment", "target", "experiment-full.yaml", "/target"},
    {"experiment", "attack", "experiment-full.yaml", "/attack"},
    {"experiment", "part", "experiment-attacks.yaml", "/attacks/0"},
    {"experiment", "pulse", "experiment-attacks.yaml", "/attacks/1/pulse"},
    {"experiment", "ramp", "experiment-attacks.yaml", "/attacks/2/ramp"},
    {"experiment", "expectation", "experiment-full.yaml", "/expect/0"},
    {"experiment", "probe", "experiment-full.yaml", "/expect/1/probe"},
    {"experiment", "http_probe", "experiment-full.yaml", "/expect/1/probe/http"},
    {"experiment", "tcp_probe", "experiment-full.yaml", "/expect/2/probe/tcp"},
    {"experiment", "command_probe", "experiment-full.yaml", "/expect/3/probe/command"},
    {"experiment", "certificate_probe", "experiment-full.yaml", "/expect/4/probe/certificate"},
    {"experiment", "workload", "experiment-full.yaml", "/target/workload"},
    {"experiment", "exclude", "experiment-full.yaml", "/target/exclude"},
    {"experiment", "sources", "experiment-full.yaml", "/sources"},
    {"experiment", "access", "experiment-full.yaml", "/sources/access"},
    {"experiment", "secret_key", "experiment-full.yaml", "/sources/access/username"},
    {"experiment", "pod_pages", "experiment-full.yaml", "/sources/pods"},
    {"experiment", "scrape", "experiment-full.yaml", "/sources/scrape/0"},
    {"experiment", "budget", "experiment-full.yaml", "/budget"},
    {"experiment", "rollback_action", "experiment-full.yaml", "/rollback/0"},
    {"experiment", "http_action", "experiment-full.yaml", "/rollback/1/http"},
    {"experiment", "rollout_action", "experiment-full.yaml", "/rollback/2/rollout"},
    {"experiment", "deployment_action", "experiment-full.yaml", "/rollback/3/deployment"},
    {"experiment", "resource", "experiment-resource.yaml", ""},
    {"expectations", "", "expectations-full.yaml", ""},
    {"inventory", "entry", "inventory-full.yaml", "/0"},
    {"policy", "policy", "policy-full.yaml", ""},
    {"policy", "blast_radius", "policy-full.yaml", "/blast_radius"},
    {"policy", "protected", "policy-full.yaml", "/protected"},
    {"policy", "caps", "policy-full.yaml", "/caps"},
};

std::string example_name(const std::string& type) { return "experiment-attack-" + type + ".yaml"; }

// With the arguments of every attack.
std::vector<Known> known_objects() {
  std::vector<Known> all = kFixedObjects;
  for (const fault::Fault* fault : fault::all_faults()) {
    const std::string& type = fault->info().type;
    all.push_back({"experiment", "args_" + type, example_name(type), "/attack/args"});
  }
  return all;
}
const std::vector<Known> kObjects = known_objects();

// An attack without a file of its own is looked at by the example in its description.
json::Document example_of(const Known& known) {
  for (const fault::Fault* fault : fault::all_faults())
    if (known.example == example_name(fault->info().type) &&
        !fs::exists(kRoot + "/tests/schema/good/" + known.example)) {
      json::Document document = json::parse_document(fault->info().example).value();
      json::Object& attack = document.value.as_object()["attack"].as_object();
      if (!attack.contains("args")) attack["args"] = json::Object{};
      return document;
    }
  return json::parse_document(file("tests/schema/good/" + known.example)).value();
}

json::Value schema_of(const std::string& format) {
  return json::parse(file("schema/" + format + ".schema.json")).value();
}

using Names = std::set<std::string>;

Names properties_of(const json::Value& definition) {
  Names names;
  for (const auto& [key, unused] : definition.at("properties").as_object()) names.insert(std::string(key));
  return names;
}

// The decoder is asked what it knows: it lists the keys when it meets one that is like none of them.
Names known_to_decoder(const Known& known) {
  json::Document document = example_of(known);
  document.value.at_pointer(known.pointer).as_object()["qqqqqqqqqqqqqqqq"] = 1;
  auto done = decode_as(known.format, document);
  std::string text = done ? "" : done.error().message();
  for (std::string_view before : {"known keys: ", "it knows: "}) {
    size_t at = text.find(before);
    if (at == std::string::npos) continue;
    Names names;
    for (std::string_view word : split_words(std::string_view(text).substr(at + before.size()), ", "))
      names.insert(std::string(word));
    return names;
  }
  return {"no list of keys in: " + text};
}

TEST(Schema, KnowsExactlyTheKeysOfTheDecoder) {
  for (const Known& known : kObjects) {
    json::Value schema = schema_of(known.format);
    const json::Value& definition = known.definition.empty() ? schema : schema.at("$defs").at(known.definition);
    EXPECT_EQ(properties_of(definition), known_to_decoder(known)) << known.format << " " << known.definition;
  }
}

TEST(Schema, HasNoObjectThatIsNotCompared) {
  for (std::string format : {"experiment", "inventory", "policy"}) {
    Names compared;
    for (const Known& known : kObjects)
      if (known.format == format) compared.insert(known.definition);
    json::Value schema = schema_of(format);
    for (const auto& [name, definition] : schema.at("$defs").as_object()) {
      const json::Object& object = definition.as_object();
      bool closed = object.contains("additionalProperties") && object.at("additionalProperties") == json::Value(false);
      EXPECT_TRUE(!closed || compared.count(std::string(name))) << format << " " << std::string_view(name);
    }
  }
}

TEST(Schema, EveryKeyOfTheFullExamplesIsDecodedAndItsMisspellingRefused) {
  for (const Known& known : kObjects) {
    json::Document document = example_of(known);
    json::Object original = document.value.at_pointer(known.pointer).as_object();
    for (const auto& [key, value] : original) {
      json::Object renamed = original;
      renamed.erase(key);
      renamed[std::string(key) + "_x"] = value;
      json::Document changed = document;
      changed.value.at_pointer(known.pointer) = renamed;
      EXPECT_FALSE(decode_as(known.format, changed)) << known.example << known.pointer << "/" << std::string_view(key);
    }
  }
}

// examples/NAME.json, NAME-expect.yaml, inventory.yaml and policy.yaml.
std::string format_of_example(const std::string& name) {
  if (name.find("-expect.") != std::string::npos) return "expectations";
  if (name.starts_with("inventory") || name.starts_with("policy")) return name.substr(0, name.find('.'));
  return "experiment";
}

TEST(Examples, AreDecoded) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(kRoot + "/examples")) {
    std::string name = entry.path().filename();
    if (entry.is_directory() || name.ends_with(".md")) continue;
    ++count;
    EXPECT_EQ(verdict_on(format_of_example(name), file("examples/" + name)), "no error") << name;
  }
  EXPECT_GE(count, 8);
}

struct Fence {
  std::string page;
  int number;
  std::string language;
  std::string text;
};

// The ```yaml, ```json, ```jsonl and ```hex blocks of docs/formats.
std::vector<Fence> fences() {
  std::vector<Fence> found;
  for (const auto& entry : fs::directory_iterator(kRoot + "/docs/formats")) {
    std::string text = read_file(entry.path()).value();
    bool inside = false;
    int number = 0;
    for (std::string_view line : split(text, '\n')) {
      if (line.starts_with("```")) {
        inside = !inside;
        if (inside) found.push_back({entry.path().stem(), ++number, std::string(line.substr(3)), ""});
      } else if (inside) {
        found.back().text += std::string(line) + "\n";
      }
    }
  }
  return found;
}

TEST(FormatPages, EveryExampleIsDecoded) {
  Names formats{"experiment", "expectations", "inventory", "policy"};
  Names seen;
  for (const Fence& fence : fences()) {
    if (fence.language != "yaml" && fence.language != "json") continue;
    SCOPED_TRACE(fence.page + ".md, block " + std::to_string(fence.number));
    seen.insert(fence.page);
    auto document = json::parse_document(fence.text);
    ASSERT_TRUE(document) << document.error().message();
    if (formats.count(fence.page)) {
      EXPECT_EQ(verdict_on(fence.page, fence.text), "no error");
    } else if (fence.page == "events") {
      EXPECT_TRUE(run_event_from_json(document->value));
    }
  }
  for (const std::string& format : formats) EXPECT_TRUE(seen.count(format)) << format << ".md has no example";
}

std::string bytes_of_dump(const std::string& dump) {
  std::string bytes;
  for (std::string_view line : split_words(dump, "\n"))
    for (std::string_view word : split_words(line.substr(line.find(':') + 1, 49)))
      bytes += static_cast<char>(std::stoi(std::string(word), nullptr, 16));
  return bytes;
}

TEST(FormatPages, TheJournalRecordInHexIsReadAsItSays) {
  std::string records;
  for (const Fence& fence : fences()) {
    if (fence.page != "journal" || fence.language != "hex") continue;
    records += bytes_of_dump(fence.text);
    records.resize((records.size() + 4095) / 4096 * 4096);
  }
  ASSERT_FALSE(records.empty());
  std::string path = testing::TempDir() + "/page.journal";
  Defer remove([&] { fs::remove(path); });
  ASSERT_TRUE(write_atomically(path, records));
  auto open = guard::read_journal(path);
  ASSERT_TRUE(open) << open.error().message();
  ASSERT_EQ(open->size(), 1u);
  EXPECT_EQ(open->at(1).operation, "thaw-v2");
  EXPECT_EQ(open->at(1).text, "thaw the cgroup /shop/db");
}

}  // namespace
}  // namespace ordeal::schema
