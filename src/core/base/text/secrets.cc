#include "core/base/text/secrets.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "core/base/text/text.h"

namespace ordeal {
namespace {

struct Span {
  size_t begin, end;
};

constexpr std::array<std::string_view, 11> kSecretWords{"password",   "passwd",     "passphrase", "pwd",
                                                        "secret",     "token",      "apikey",     "accesskey",
                                                        "privatekey", "credential", "signature"};
// Only as the whole name, and only in a URL.
constexpr std::array<std::string_view, 4> kSecretParameters{"key", "auth", "sig", "code"};
// Only as the last word of a name: "--pass", "DB_PASS", "--oauth2-bearer"; "bypass" is another word.
constexpr std::array<std::string_view, 2> kSecretLastWords{"pass", "bearer"};
constexpr std::array<std::string_view, 4> kSecretHeaders{"authorization", "proxyauthorization", "cookie", "setcookie"};
constexpr std::string_view kUrlEnds = " \t\r\n\"<>`";
constexpr size_t kLongUser = 16;  // a user name so long is a token
constexpr size_t kLeastKnown = 4;

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// "X-Api_Key" as "xapikey".
std::string plain_name(std::string_view name) {
  std::string plain;
  for (char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

// The words of "X-Auth_Key", which are "x", "auth" and "key".
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else
      words.emplace_back();
  }
  return words;
}

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class Finder {
 public:
  explicit Finder(std::string_view text) : text_(text) {}

  std::vector<Span> find() {
    for (size_t at = text_.find("://"); at != std::string_view::npos; at = text_.find("://", at + 3)) url(at + 3);
    for (size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '=') setting(i);
      if (text_[i] == ':') header(i), json_member(i);
      if (text_[i] == ' ') option(i);
      if (text_[i] == '"') login(i);
    }
    return in_order();
  }

 private:
  void add(size_t begin, size_t end) {
    if (begin < end && text_.substr(begin, end - begin) != kHiddenSecret) spans_.push_back({begin, end});
  }

  size_t end_of(size_t begin, std::string_view ends) const {
    return std::min(text_.find_first_of(ends, begin), text_.size());
  }

  void url(size_t begin) {
    size_t end = end_of(begin, kUrlEnds), path = std::min(end_of(begin, "/?#"), end);
    std::string_view place = text_.substr(begin, path - begin);
    size_t at = place.rfind('@'), colon = place.find(':');
    if (at == std::string_view::npos) at = past_the_path(begin, path, end, colon);
    if (at != std::string_view::npos) {
      if (colon < at) add(begin + colon + 1, begin + at);
      if (colon > at && at >= kLongUser) add(begin, begin + at);
    }
    parameters(begin, end);
    urls_.push_back({begin, end});
  }

  bool in_url(size_t at) const {
    return std::any_of(urls_.begin(), urls_.end(), [=](Span url) { return at >= url.begin && at < url.end; });
  }

  // A password with a slash that is not escaped: what stands for the port is none, and an @ follows.
  size_t past_the_path(size_t begin, size_t path, size_t end, size_t colon) const {
    if (colon == std::string_view::npos || text_[begin] == '[') return std::string_view::npos;
    std::string_view port = text_.substr(begin + colon + 1, path - begin - colon - 1);
    if (std::all_of(port.begin(), port.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
      return std::string_view::npos;
    return text_.substr(begin, end - begin).rfind('@');
  }

  void parameters(size_t begin, size_t end) {
    for (size_t at = end_of(begin, "?#"); at < end;) {
      size_t next = std::min(end_of(at + 1, "&;#"), end), equals = text_.find('=', at);
      if (equals < next) {
        std::string_view name = text_.substr(at + 1, equals - at - 1);
        if (names_secret(name) || is_one_of(kSecretParameters, plain_name(name))) add(equals + 1, next);
      }
      at = next;
    }
  }

  std::string_view name_before(size_t end) const {
    size_t begin = end;
    while (begin > 0 && is_name(text_[begin - 1])) --begin;
    return text_.substr(begin, end - begin);
  }

  // NAME=value, NAME="value"; not a comparison such as NAME=~"…".
  void setting(size_t equals) {
    size_t value = equals + 1;
    if (in_url(equals)) return;  // its parameters are known
    if (value >= text_.size() || text_[value] == '~' || text_[value] == '=' || !names_secret(name_before(equals)))
      return;
    if (text_[value] == '"' || text_[value] == '\'') return add(value + 1, closing(value));
    add(value, end_of(value, " \t\r\n,;&\"')}"));
  }

  size_t closing(size_t quote) const {
    for (size_t i = quote + 1; i < text_.size(); ++i) {
      if (text_[i] == '\\')
        ++i;
      else if (text_[i] == text_[quote])
        return i;
    }
    return text_.size();
  }

  // "Authorization: Bearer …", to the end of the line or of what quotes it.
  void header(size_t colon) {
    std::string_view name = name_before(colon);
    if (name.empty() || name.front() == '-') return;
    auto words = words_of(name);
    bool secret = is_one_of(kSecretHeaders, plain_name(name)) ||
                  (words.size() > 1 && name.find('-') != std::string_view::npos &&
                   (names_secret(name) || std::find(words.begin(), words.end(), "auth") != words.end()));
    size_t value = colon + 1;
    while (value < text_.size() && text_[value] == ' ') ++value;
    if (secret) add(value, end_of(value, "\r\n\"'"));
  }

  // "password": "value", also where it stands in a text of JSON itself: \"password\": \"value\".
  void json_member(size_t colon) {
    if (colon < 2 || text_[colon - 1] != '"') return;
    bool inside = text_[colon - 2] == '\\';
    size_t value = colon + 1;
    while (value < text_.size() && is_space(text_[value])) ++value;
    std::string_view quote = inside ? "\\\"" : "\"";
    if (text_.substr(value, quote.size()) != quote || !names_secret(name_before(colon - quote.size()))) return;
    size_t begin = value + quote.size();
    add(begin, inside ? std::min(text_.find(quote, begin), text_.size()) : closing(value));
  }

  // "user:password@host", where a URL was meant.
  void login(size_t quote) {
    size_t begin = quote + 1, end = text_.find('"', begin);
    if (end == std::string_view::npos) return;
    std::string_view word = text_.substr(begin, end - begin);
    size_t colon = word.find(':'), at = word.rfind('@');
    if (word.find_first_of(" \t\r\n/") != std::string_view::npos || at == std::string_view::npos || colon > at) return;
    add(begin + colon + 1, begin + at);
  }

  // "--password value", "Bearer value".
  void option(size_t space) {
    std::string_view name = name_before(space);
    size_t value = space + 1, end = end_of(value, " \t\r\n,;\"'`");
    if (value < end && text_[value] == '-') return joined_login(value);
    if (value >= end) return;
    if (is_login_flag(name)) return after_colon(value, end);
    bool flag = name.starts_with("-") && names_secret(name);
    if (flag || (is_scheme(name) && looks_random(text_.substr(value, end - value)))) add(value, end);
  }
  // "-uNAME:PASSWORD"
  void joined_login(size_t flag) {
    std::string_view two = text_.substr(flag, 2);
    if (is_login_flag(two)) after_colon(flag + 2, end_of(flag, " \t\r\n,;\"'`"));
  }
  void after_colon(size_t begin, size_t end) {
    size_t colon = text_.find(':', begin);
    if (colon < end && text_.substr(colon, 3) != "://") add(colon + 1, end);
  }
  static bool is_scheme(std::string_view name) {
    std::string plain = plain_name(name);
    return plain == "bearer" || plain == "basic";
  }
  // No word of a sentence.
  static bool looks_random(std::string_view word) {
    bool digit = std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    return word.size() >= 8 && (digit || word.size() >= 20 || word.back() == '=');
  }

  std::vector<Span> in_order() {
    std::sort(spans_.begin(), spans_.end(), [](Span a, Span b) { return a.begin < b.begin; });
    std::vector<Span> apart;
    for (Span span : spans_) {
      if (!apart.empty() && span.begin < apart.back().end)
        apart.back().end = std::max(apart.back().end, span.end);
      else
        apart.push_back(span);
    }
    return apart;
  }

  std::string_view text_;
  std::vector<Span> spans_, urls_;
};

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    int byte = 0;
    bool escaped = text[i] == '%' && i + 2 < text.size() &&
                   std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3;
    out += escaped ? static_cast<char>(byte) : text[i];
    if (escaped) i += 2;
  }
  return out;
}

}  // namespace

bool names_secret(std::string_view name) {
  std::string plain = plain_name(name);
  for (std::string_view of_a_file : {"file", "path", "dir"})
    if (plain.ends_with(of_a_file)) return false;
  return is_one_of(kSecretLastWords, words_of(name).back()) ||
         std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return plain.find(word) != std::string::npos; });
}

bool is_login_flag(std::string_view flag) {
  return flag == "-u" || flag == "-U" || flag == "--user" || flag == "--proxy-user";
}

std::string hide_secrets(std::string_view text) {
  std::string out;
  size_t from = 0;
  for (Span span : Finder(text).find()) {
    out += text.substr(from, span.begin - from);
    out += kHiddenSecret;
    from = span.end;
  }
  return out += text.substr(from);
}

namespace {

bool is_secret_flag(std::string_view text) {
  return text.starts_with('-') && text.find('=') == std::string_view::npos && names_secret(text);
}

// Of "--user" and "-u" only what follows the colon is one.
std::string without_login(std::string_view login) {
  size_t colon = login.find(':');
  if (colon == std::string_view::npos || colon + 1 == login.size()) return hide_secrets(login);
  return std::string(login.substr(0, colon + 1)) + std::string(kHiddenSecret);
}

// Flags of one letter by which programs take passwords ("mysql -pX", "redis-cli -a X"). A port is none.
bool may_be_password_flag(std::string_view flag) { return flag == "-p" || flag == "-P" || flag == "-a"; }
bool is_port(std::string_view text) {
  auto number = parse_number<unsigned>(text);
  return number && *number <= 65535;
}

bool is_password(std::string_view text, std::string_view flag) {
  return !text.empty() && text.front() != '-' && (flag == "-a" || !is_port(text));
}

// Of "-phunter2", "-uNAME:PASSWORD"; "" where it is of another kind.
std::string without_joined(std::string_view text) {
  std::string_view flag = text.substr(0, 2), value = text.substr(flag.size());
  if (value.empty() || is_secret_flag(text) || value.front() == '-') return "";
  bool password = may_be_password_flag(flag) && (flag != "-a" || value.size() >= 4);  // "ps -aux"
  if (password) return std::string(flag) + std::string(kHiddenSecret);
  bool login = is_login_flag(flag) && value.find(':') != std::string_view::npos;
  return login ? std::string(flag) + without_login(value) : "";
}

std::string hide_word(std::string_view before, std::string_view text) {
  if (is_secret_flag(before)) return std::string(kHiddenSecret);
  if (is_login_flag(before)) return without_login(text);
  if (may_be_password_flag(before) && is_password(text, before)) return std::string(kHiddenSecret);
  std::string joined = without_joined(text);
  return joined.empty() ? std::string(text) : joined;
}

// "mysql -phunter2 shop", as a shell is given it.
std::string hide_words(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n;|&()'\"`";
  std::string out;
  std::string_view before;
  while (!text.empty()) {
    size_t begin = std::min(text.find_first_not_of(kBetween), text.size());
    size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
    std::string_view word = text.substr(begin, end - begin);
    out += text.substr(0, begin);
    out += hide_word(std::exchange(before, word), word);
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace

std::string hide_argument(std::string_view before, std::string_view text) {
  std::string hidden = hide_word(before, text);
  return hide_secrets(hidden == text ? hide_words(text) : hidden);
}

std::string hide_command(const std::vector<std::string>& argv) {
  std::vector<std::string> shown;
  std::string_view before;
  for (const std::string& argument : argv) shown.push_back(hide_argument(std::exchange(before, argument), argument));
  return join(shown, " ");
}

std::string without_password(std::string_view url) { return hide_secrets(url); }

std::vector<std::string> secrets_in(std::string_view text) {
  std::vector<std::string> secrets;
  auto add = [&](std::string secret) {
    bool known = std::find(secrets.begin(), secrets.end(), secret) != secrets.end();
    if (secret.size() >= kLeastKnown && !known) secrets.push_back(std::move(secret));
  };
  for (Span span : Finder(text).find()) {
    std::string_view secret = text.substr(span.begin, span.end - span.begin);
    add(std::string(secret));
    add(percent_decoded(secret));
  }
  return secrets;
}

std::string hide(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets)
    for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kHiddenSecret.size()))
      text.replace(at, secret.size(), kHiddenSecret);
  return text;
}

}  // namespace ordeal
