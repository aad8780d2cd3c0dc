// DNS messages for tests, written by other code than what reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::packets::dns {

inline std::vector<uint8_t> made_up_query(uint16_t id, std::string_view name, uint16_t type, bool extended = false) {
  std::vector<uint8_t> out{static_cast<uint8_t>(id >> 8), static_cast<uint8_t>(id), 1, 0, 0, 1, 0, 0, 0, 0, 0,
                           static_cast<uint8_t>(extended)};
  while (!name.empty()) {
    std::string_view label = name.substr(0, name.find('.'));
    out.push_back(static_cast<uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  for (uint8_t byte : {uint8_t{0}, static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type), uint8_t{0}, uint8_t{1}})
    out.push_back(byte);
  if (extended)
    for (int byte : {0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0}) out.push_back(static_cast<uint8_t>(byte));
  return out;
}

// With one record of the question's name, and `more` bytes of another one behind it.
inline std::vector<uint8_t> made_up_answer(const std::vector<uint8_t>& query, const std::vector<uint8_t>& data,
                                           size_t more = 0) {
  std::vector<uint8_t> out(query);
  size_t end = 12;
  while (out[end] != 0) end += out[end] + size_t{1};
  end += 5;
  out.resize(end);
  out[2] |= 0x80, out[3] = 0x80, out[7] = 1, out[11] = more > 0;
  std::vector<uint8_t> record{
      0xc0, 12, out[end - 4], out[end - 3], 0, 1, 0, 0, 0, 60, 0, static_cast<uint8_t>(data.size())};
  out.insert(out.end(), record.begin(), record.end());
  out.insert(out.end(), data.begin(), data.end());
  if (more == 0) return out;
  std::vector<uint8_t> text{
      0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, static_cast<uint8_t>(more >> 8), static_cast<uint8_t>(more)};
  out.insert(out.end(), text.begin(), text.end());
  out.insert(out.end(), more, 'x');
  return out;
}

// As TCP carries it.
inline std::vector<uint8_t> with_length(const std::vector<uint8_t>& message) {
  std::vector<uint8_t> out{static_cast<uint8_t>(message.size() >> 8), static_cast<uint8_t>(message.size())};
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

}  // namespace ordeal::packets::dns
