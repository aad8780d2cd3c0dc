// make_schema [ROOT]: writes the generated files. make_schema --json FILE…: each file as the decoder sees it, one JSON
// a line; "null" for one that is no document. make_schema --error FORMAT FILE: what the decoder says of it.
#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "core/base/io/file.h"
#include "schema/decoders.h"
#include "schema/generate.h"

namespace ordeal::schema {
namespace {

int write_generated(const std::string& root) {
  for (const Generated& file : generate(root)) {
    auto written = write_atomically(root + "/" + file.name, file.text);
    if (!written) fmt::print(stderr, "{}\n", written.error().message());
    if (!written) return 1;
  }
  return 0;
}

int print_as_json(int count, char** files) {
  for (int i = 0; i < count; ++i) {
    auto text = read_file(files[i], 4 << 20);
    auto document = text ? json::parse_document(*text) : tl::unexpected(text.error());
    fmt::print("{}\n", document ? json::write(document->value) : "null");
  }
  return 0;
}

int print_error(const std::string& format, const std::string& file) {
  auto text = read_file(file, 4 << 20);
  auto done = text ? decode_text_as(format, *text) : Result<>(tl::unexpected(text.error()));
  fmt::print("{}\n", done ? "no error" : done.error().message());
  return 0;
}

}  // namespace
}  // namespace ordeal::schema

int main(int argc, char** argv) {
  std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--json") return ordeal::schema::print_as_json(argc - 2, argv + 2);
  if (mode == "--error" && argc == 4) return ordeal::schema::print_error(argv[2], argv[3]);
  return ordeal::schema::write_generated(argc > 1 ? argv[1] : ".");
}
