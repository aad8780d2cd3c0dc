#include "fault/packets/exemption.h"

#include "core/json/reader.h"

namespace ordeal::packets {

json::Value to_json(const Exemption& exemption) {
  return json::Object{{"address", exemption.address},         {"remote", exemption.remote},
                      {"first_port", exemption.first_port},   {"last_port", exemption.last_port},
                      {"remote_port", exemption.remote_port}, {"why", exemption.why}};
}

Result<Exemption> exemption_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  Exemption exemption;
  for (auto [key, text] :
       {std::pair{"address", &exemption.address}, {"remote", &exemption.remote}, {"why", &exemption.why}}) {
    json::Reader field = TRY(reader.at(key));
    if (!field.value().is_string()) return field.expected("text");
    *text = std::string(field.value().get_string());
  }
  for (auto [key, port] : {std::pair{"first_port", &exemption.first_port},
                           {"last_port", &exemption.last_port},
                           {"remote_port", &exemption.remote_port}})
    *port = static_cast<uint16_t>(TRY(TRY(reader.at(key)).integer(0, 65535)));
  return exemption;
}

}  // namespace ordeal::packets
