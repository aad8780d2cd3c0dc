// docs: the pages on formats, attacks and safety, where no browser and no network is.
#include <algorithm>

#include "app/cli/commands.h"
#include "app/cli/manual/docs_folder.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"

namespace ordeal::cli {
namespace {

namespace fs = std::filesystem;

// Beside an installed program, and in the tree that it was built in.
Result<fs::path> docs_folder() {
  std::error_code error;
  fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& folder : {beside / "../share/ordeal/docs", beside / "../../docs"})
    if (fs::exists(folder / "attacks.md", error)) return folder.lexically_normal();
  return fail(
      Errc::kInternal,
      "the pages are not installed: there is no " + (beside / "../share/ordeal/docs").lexically_normal().string(),
      "install Ordeal with `cmake --install` or from its package; `ordeal help` needs no files");
}

std::string title_of(const fs::path& path) {
  auto text = read_file(path.string());
  if (!text) return "";
  std::string_view first = split(*text, '\n').front();
  return std::string(trim(first.substr(std::min(first.find_first_not_of('#'), first.size()))));
}

bool is_page(const fs::directory_entry& entry) {
  std::error_code error;
  return entry.path().extension() == ".md" && entry.is_regular_file(error);
}

// "policy", "formats/policy" and "docs/formats/policy.md", as a message names it, are one page.
bool is_called(const DocsPage& page, std::string_view name) {
  if (name.starts_with("docs/")) name.remove_prefix(5);
  if (name.ends_with(".md")) name.remove_suffix(3);
  return page.topic == name || fs::path(page.topic).filename() == name;
}

Result<DocsPage> find_page(const std::string& name) {
  std::vector<DocsPage> pages = TRY(docs_pages());
  std::vector<std::string> topics;
  for (DocsPage& page : pages) {
    if (is_called(page, name)) return std::move(page);
    topics.push_back(page.topic);
    topics.push_back(fs::path(page.topic).filename());
  }
  std::string near = json::nearest(name, {topics.begin(), topics.end()});
  return fail(Errc::kInvalidInput, "there is no page \"" + name + "\"",
              near.empty() ? "`ordeal docs` lists them" : "did you mean \"" + near + "\"?");
}

Result<> print_page(const std::string& name) {
  DocsPage page = TRY(find_page(name));
  put_document(TRY(read_file(page.path.string())));
  return {};
}

Result<> print_list(bool json) {
  std::vector<DocsPage> pages = TRY(docs_pages());
  size_t width = 0;
  for (const DocsPage& page : pages) width = std::max(width, page.topic.size());
  for (const DocsPage& page : pages) {
    if (json) {
      print_json(json::Object{{"topic", page.topic}, {"title", page.title}, {"path", page.path.string()}});
    } else {
      print("{}{}  {}\n", page.topic, std::string(width - page.topic.size(), ' '), page.title);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<DocsPage>> docs_pages() {
  fs::path folder = TRY(docs_folder());
  std::vector<DocsPage> pages;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    if (is_page(entry))
      pages.push_back(
          {entry.path().lexically_relative(folder).replace_extension().string(), title_of(entry.path()), entry.path()});
  std::sort(pages.begin(), pages.end(), [](const DocsPage& a, const DocsPage& b) { return a.topic < b.topic; });
  return pages;
}

ExitCode docs_command(const std::string& topic, bool json) {
  auto done = topic.empty() ? print_list(json) : print_page(topic);
  return done ? ExitCode::kHeld : print_error(done.error());
}

}  // namespace ordeal::cli
