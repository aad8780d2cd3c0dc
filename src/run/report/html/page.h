// What every page has: the head with its style, and a policy that lets it load and run nothing but what stands in it.
#pragma once

#include <string_view>

#include "run/report/html/markup.h"

namespace ordeal::report {

// Up to and with <main>; take() closes it.
void open_page(Markup& html, std::string_view title);
// Shows the readings under the pointer; the page says all that matters without it. It makes what only it needs.
void put_readings_script(Markup& html);

}  // namespace ordeal::report
