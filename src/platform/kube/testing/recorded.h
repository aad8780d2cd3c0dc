// Recorded: requests to a real API server and its answers, byte for byte, from kube-api/ of the folder that
// ORDEAL_CONFORMANCE_DATA names; the lines of heads end in a newline there. For tests; not for programs.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "platform/net/http.h"

namespace ordeal::kube {

struct Recorded {
  std::string method, target, asked;  // of the request; `asked` is its body
  int status = 0;
  net::Headers headers;
  std::string body;
};

// "" where nothing names it.
inline std::string recordings() {
  const char* given = std::getenv("ORDEAL_CONFORMANCE_DATA");
  return given ? std::string(given) + "/data/kube-api/v1.34" : "";
}

inline std::string recorded_text(const std::string& file) {
  auto text = read_file(recordings() + "/" + file);
  EXPECT_TRUE(text) << file;
  return text.value_or("");
}

// The lines of a head, without the first.
inline net::Headers recorded_headers(const std::vector<std::string_view>& lines) {
  net::Headers headers;
  for (size_t i = 1; i < lines.size(); ++i) {
    size_t colon = lines[i].find(':');
    if (colon != std::string_view::npos)
      headers.emplace_back(lines[i].substr(0, colon), trim(lines[i].substr(colon + 1)));
  }
  return headers;
}

// The head of an answer as it lay on the wire.
inline std::string wire_head(const std::string& name) {
  std::string head;
  for (char c : recorded_text(name + ".resp")) head += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return head;
}

inline Recorded recorded(const std::string& name) {
  Recorded all;
  std::string request = recorded_text(name + ".req");
  std::string_view head = std::string_view(request).substr(0, request.find("\n\n"));
  auto words = split_words(head.substr(0, head.find('\n')), " ");
  EXPECT_EQ(words.size(), 3u) << name;
  if (words.size() == 3) all.method = words[0], all.target = words[1];
  if (head.size() < request.size()) all.asked = trim(std::string_view(request).substr(head.size()));
  std::string answer = recorded_text(name + ".resp");
  auto lines = split(answer, '\n');
  EXPECT_GT(answer.size(), 12u) << name;
  if (answer.size() > 12) all.status = parse_number<int>(std::string_view(answer).substr(9, 3)).value_or(0);
  all.headers = recorded_headers(lines);
  all.body = recorded_text(name + ".body");
  return all;
}

}  // namespace ordeal::kube
