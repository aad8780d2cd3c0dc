// The style sheet of the HTML report: system fonts, light and dark by the reader's preference, phone and paper.
#pragma once

namespace ordeal::report {

extern const char* const kHtmlStyle;

}  // namespace ordeal::report
