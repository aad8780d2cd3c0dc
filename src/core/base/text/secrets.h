// Secrets in text: passwords and tokens of URLs, of options and settings (password=…, --token …, "secret": "…"), and
// credentials of HTTP headers, and "user:password@host" in quotes. What is shown or kept (events, record, reports,
// plan, errors) goes through hide_secrets(). It goes by names, so it can hide too much; a secret without such a name is
// found where it was seen with one before: secrets_in() of the files that a person gave, and hide() of each of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ordeal {

constexpr std::string_view kHiddenSecret = "***";

// Each secret replaced by "***"; what it is of (a user, a parameter's name) stays.
std::string hide_secrets(std::string_view text);
// Of a list of arguments the one that comes after `before` ("" for the first): hidden too where a flag of one letter
// may take a password ("-p", "-P", "-a"; joined as well, "-phunter2"), except for ports; so too within an argument of
// several words, as a shell is given it.
std::string hide_argument(std::string_view before, std::string_view text);
// All of them, with spaces between.
std::string hide_command(const std::vector<std::string>& argv);
// The secrets themselves, of URLs also as they are decoded. Those of fewer than 4 characters are left out: they would
// be found everywhere.
std::vector<std::string> secrets_in(std::string_view text);
// Each occurrence of one of `secrets` replaced by "***".
std::string hide(std::string text, const std::vector<std::string>& secrets);

// "password", "X-Api-Key", "--client-secret", "db_passwd"; not "--token-file", which names a file.
bool names_secret(std::string_view name);
// "-u", "--user": what follows is NAME:PASSWORD.
bool is_login_flag(std::string_view flag);

}  // namespace ordeal
