// help and completion: what the description says, as text, man pages and completion scripts.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/cli/commands.h"
#include "app/cli/manual/completion.h"
#include "app/cli/manual/docs_folder.h"
#include "app/cli/manual/man_page.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "platform/host/paths.h"
#include "platform/host/registry.h"
#include "run/store/store.h"

namespace ordeal::cli {
namespace {

constexpr size_t kMostRuns = 50;  // that completion offers

struct CompletionScript {
  const char* shell;
  const char* file;  // as each shell looks for it
  std::string (*make)(const ProgramOutline&);
};
constexpr std::array<CompletionScript, 3> kScripts{{{"bash", "bash/ordeal", bash_completion},
                                                    {"zsh", "zsh/_ordeal", zsh_completion},
                                                    {"fish", "fish/ordeal.fish", fish_completion}}};

Result<const CommandOutline*> find_command(const ProgramOutline& all, const std::string& name) {
  std::vector<std::string_view> known;
  for (const CommandOutline& command : all.commands) {
    if (command.name == name) return &command;
    known.push_back(command.name);
  }
  std::string near = json::nearest(name, known);
  return fail(Errc::kInvalidInput, "unknown command \"" + name + "\"",
              near.empty() ? "`ordeal help` lists them" : "did you mean \"" + near + "\"?");
}

Result<> write_file(const std::string& path, const std::string& text) {
  TRY_VOID(make_folders(std::filesystem::path(path).parent_path().string()));
  return replace_whole(path, text);
}

Result<> write_all_pages(const ProgramOutline& all, const std::string& folder) {
  TRY_VOID(write_file(folder + "/man/ordeal.1", program_page(all)));
  for (const CommandOutline& command : all.commands)
    TRY_VOID(write_file(folder + "/man/ordeal-" + command.name + ".1", command_page(command)));
  for (const CompletionScript& script : kScripts)
    TRY_VOID(write_file(folder + "/completion/" + script.file, script.make(all)));
  return {};
}

Result<> help(const CLI::App& app, const HelpOptions& options) {
  ProgramOutline all = outline(app);
  if (!options.write.empty()) return write_all_pages(all, options.write);
  const CommandOutline* command = options.command.empty() ? nullptr : TRY(find_command(all, options.command));
  if (!options.man) {
    put_document(help_text(app, options.command));
  } else {
    put_document(command ? command_page(*command) : program_page(all));
  }
  return {};
}

Result<std::vector<std::string>> recorded_ids() {
  auto store = store::Store::open_to_read(TRY(host::Paths::find("")).record());
  if (!store) return tl::unexpected(std::move(store).error());
  std::vector<std::string> ids{"last"};
  for (const store::RunRow& row : TRY(store->list(kMostRuns))) ids.push_back(row.id);
  return ids;
}

Result<std::vector<std::string>> live_ids() {
  std::vector<std::string> ids;
  for (const host::ActiveRun& run : TRY(host::recorded_runs(TRY(host::Paths::find(""))))) ids.push_back(run.run);
  return ids;
}

Result<std::vector<std::string>> topics() {
  std::vector<std::string> names;
  for (const DocsPage& page : TRY(docs_pages())) names.push_back(page.topic);
  return names;
}

// Nothing there is nothing to offer, and no error: a message in the middle of a command line helps nobody.
void print_values(const std::string& which) {
  auto values = which == "runs" ? recorded_ids() : which == "topics" ? topics() : live_ids();
  if (values) put_document(join(*values, "\n") + (values->empty() ? "" : "\n"));
}

}  // namespace

ExitCode help_command(const CLI::App& app, const HelpOptions& options) {
  auto done = help(app, options);
  return done ? ExitCode::kHeld : print_error(done.error());
}

ExitCode completion_command(const CLI::App& app, const CompletionOptions& options) {
  if (!options.values.empty()) {
    print_values(options.values);
    return ExitCode::kHeld;
  }
  for (const CompletionScript& script : kScripts) {
    if (script.shell != options.shell) continue;
    put_document(script.make(outline(app)));
    return ExitCode::kHeld;
  }
  return print_error(Error{Errc::kInvalidInput, "which shell is it for?", 0, "say bash, zsh or fish", nullptr});
}

}  // namespace ordeal::cli
