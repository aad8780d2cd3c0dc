#include "run/report/html/page.h"

#include <fmt/format.h>

#include "run/report/html/html_style.h"

namespace ordeal::report {

void open_page(Markup& html, std::string_view title) {
  html.open("html", {{"lang", "en"}}).open("head");
  html.empty("meta", {{"charset", "utf-8"}});
  html.empty("meta", {{"http-equiv", "Content-Security-Policy"},
                      {"content", fmt::format("default-src 'none'; style-src '{}'; script-src '{}'", kHtmlStyleHash,
                                              kReadingsScriptHash)}});
  html.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.element("title", {}, title);
  html.open("style").raw(kHtmlStyle).close().close();
  html.open("body").open("main");
}

void put_readings_script(Markup& html) { html.open("script").raw(kReadingsScript).close(); }

}  // namespace ordeal::report
