// The page's style and its one script, and what the page's policy knows them by: the base64 of their SHA-256, which
// tests/report holds. Neither has a character that XML would read (<, &).
#pragma once

namespace ordeal::report {

extern const char* const kHtmlStyle;
extern const char* const kHtmlStyleHash;
extern const char* const kReadingsScript;
extern const char* const kReadingsScriptHash;

}  // namespace ordeal::report
