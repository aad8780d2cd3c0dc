// Prober: looks at one thing directly: an HTTP answer (its status, a JSON field or its time), a TCP connect, a command,
// a server's certificates. Its connections are ordinary ones: it must feel the fault that it looks for.
#pragma once

#include <functional>
#include <string_view>

#include "core/model/input/experiment.h"
#include "core/model/seams.h"
#include "platform/net/http_client.h"
#include "platform/sys/process/child_runner.h"

namespace ordeal::watch {

class Prober {
 public:
  using Callback = std::function<void(Observation)>;

  // Both must outlive the prober.
  Prober(net::HttpClient& client, sys::ChildRunner& children) : client_(client), children_(children) {}

  // Called back from inside a dispatch() of the two, or at once when the probe cannot even start.
  void start(const HttpProbe& probe, Callback callback);
  void start(const TcpProbe& probe, Callback callback);
  void start(const CommandProbe& probe, Callback callback);
  void start(const CertificateProbe& probe, Callback callback);

 private:
  net::HttpClient& client_;
  sys::ChildRunner& children_;
};

// A want of Ordeal's own, or of a name server that it asks: nothing that the system did.
bool is_own_lack(const net::HttpFailure& failure);

// "data.items.0.count" of a JSON text: numbers as they are, true and false as 1 and 0, a string when it is a number.
Observation json_field(std::string_view body, std::string_view path);

}  // namespace ordeal::watch
