#include "platform/net/client/transfer.h"

#include <curl/curl.h>
#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "core/base/io/file.h"
#include "core/base/io/unique_fd.h"
#include "core/base/text/text.h"
#include "core/base/text/url.h"
#include "platform/net/client/outward.h"

namespace ordeal::net {

namespace {

using Cause = HttpFailure::Cause;
static_assert(CURL_ERROR_SIZE <= sizeof Transfer::message);
constexpr size_t kMostToken = size_t{64} << 10;
constexpr Nanos kConnectTimeout = 30s;  // of a stream whose head has more time

size_t take_stream(Transfer& transfer, std::string_view bytes) {
  auto& streaming = *transfer.streaming;
  transfer.pending(transfer.ticket);
  if (streaming.inbox.size() >= kMostInbox) {
    streaming.receiving_stops = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  streaming.moved = boot_now();
  streaming.inbox.append(bytes);
  return bytes.size();
}

size_t on_body(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  size_t bytes = size * count;
  if (transfer.streaming) return take_stream(transfer, {data, bytes});
  if (transfer.reply.body.size() + bytes > transfer.call.max_body) {
    transfer.too_large = true;
    return 0;
  }
  transfer.reply.body.append(data, bytes);
  return bytes;
}

void head_is_whole(Transfer& transfer) {
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (!transfer.streaming || status < 200) return;
  transfer.reply.status = static_cast<int>(status);
  transfer.streaming->head_whole = true;
  transfer.pending(transfer.ticket);
}

size_t on_header(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  auto& headers = transfer.reply.headers;
  std::string_view line(data, size * count);
  // All blocks and trailers together, or a server could send them for ever.
  if ((transfer.head_bytes += line.size()) > kMostHead) return 0;
  if (transfer.streaming) transfer.streaming->moved = boot_now();
  if (transfer.streaming && transfer.streaming->head_whole) return line.size();
  // A status line starts a new block of headers: what came with a 100 Continue is not the answer's.
  bool status_line = line.substr(0, 5) == "HTTP/";
  if (status_line) headers.clear();
  if (size_t colon = line.find(':'); colon != std::string_view::npos && !status_line) {
    headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  if (trim(line).empty()) head_is_whole(transfer);
  return line.size();
}

size_t on_upload(char* into, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  auto& streaming = *transfer.streaming;
  std::string_view rest = std::string_view(streaming.outbox).substr(streaming.sent);
  if (rest.empty() && streaming.upload_ended) {
    streaming.head_since = boot_now();
    return 0;
  }
  transfer.pending(transfer.ticket);
  if (rest.empty()) {
    streaming.sending_stops = true;
    return CURL_READFUNC_PAUSE;
  }
  size_t taken = rest.copy(into, size * count);
  streaming.sent += taken;
  streaming.moved = boot_now();
  return taken;
}

Nanos info_time(CURL* easy, CURLINFO which) {
  curl_off_t micros = 0;
  curl_easy_getinfo(easy, which, &micros);
  return std::chrono::microseconds(micros);
}

HttpTimings read_timings(CURL* easy) {
  long connections = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
  HttpTimings timings;
  Nanos connected = std::max(info_time(easy, CURLINFO_CONNECT_TIME_T), info_time(easy, CURLINFO_APPCONNECT_TIME_T));
  if (connections > 0) timings.connect = connected - info_time(easy, CURLINFO_NAMELOOKUP_TIME_T);
  timings.first_byte = info_time(easy, CURLINFO_STARTTRANSFER_TIME_T);
  timings.total = info_time(easy, CURLINFO_TOTAL_TIME_T);
  return timings;
}

// What is lacking here and not there. curl hides the errno of a socket that it could not make, so one is made.
bool lacks_something(CURLcode code, CURL* easy) {
  if (code == CURLE_INTERFACE_FAILED || code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT) return true;
  if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST) return false;
  long number = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  constexpr int kLacks[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN, EADDRNOTAVAIL, EADDRINUSE};
  if (std::find(std::begin(kLacks), std::end(kLacks), number) != std::end(kLacks)) return true;
  UniqueFd probe(number == 0 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1);
  return number == 0 && !probe;
}

// With TLS 1.3 a server refuses our certificate only after we took the connection for made.
bool is_alert(const Transfer& transfer) {
  return std::string_view(transfer.message.data()).find(" alert ") != std::string_view::npos;
}

Cause classify(CURLcode code, const Transfer& transfer) {
  static constexpr std::pair<CURLcode, Cause> kKinds[] = {
      {CURLE_OPERATION_TIMEDOUT, Cause::kTimeout}, {CURLE_COULDNT_RESOLVE_HOST, Cause::kDns},
      {CURLE_SSL_CONNECT_ERROR, Cause::kTls},      {CURLE_PEER_FAILED_VERIFICATION, Cause::kTls},
      {CURLE_SSL_CERTPROBLEM, Cause::kTls},        {CURLE_SSL_CACERT_BADFILE, Cause::kTls},
      {CURLE_URL_MALFORMAT, Cause::kBadUrl},       {CURLE_UNSUPPORTED_PROTOCOL, Cause::kBadUrl},
  };
  if (transfer.too_large || transfer.head_bytes > kMostHead) return Cause::kTooLarge;
  if (transfer.was_inward) return Cause::kUnreachable;
  if (lacks_something(code, transfer.easy)) return Cause::kOwnLack;
  if (code == CURLE_OPERATION_TIMEDOUT && info_time(transfer.easy, CURLINFO_NAMELOOKUP_TIME_T) == Nanos(0))
    return Cause::kDns;  // whoever answers for the name said nothing
  if (code == CURLE_COULDNT_CONNECT) {
    long number = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_OS_ERRNO, &number);
    return number == ECONNREFUSED ? Cause::kRefused : Cause::kUnreachable;
  }
  if ((code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR) && is_alert(transfer)) return Cause::kTls;
  for (const auto& [known, kind] : kKinds) {
    if (code == known) return kind;
  }
  return Cause::kBroken;
}

HttpFailure failure_of(const HttpCall& call, Cause kind, std::string what) {
  Error cause;
  cause.code = kind == Cause::kTimeout ? Errc::kTimeout : kind == Cause::kBadUrl ? Errc::kInvalidInput : Errc::kSystem;
  cause.what = std::move(what);
  return {kind, wrap(std::move(cause), fmt::format("cannot {} {}", call.method, without_password(call.url))).value()};
}

// A server that refuses our certificate and closes may be gone before its alert is read; all that curl has then is a
// request that could not be sent.
bool closed_unheard(CURLcode code, const Transfer& transfer) {
  return code == CURLE_SEND_ERROR && transfer.head_bytes == 0 && transfer.call.url.starts_with("https:");
}

std::string words_of(CURLcode code, Cause kind, const Transfer& transfer) {
  if (transfer.head_bytes > kMostHead) return fmt::format("the response's headers are larger than {} bytes", kMostHead);
  if (transfer.was_inward) return "it is an address of this host or its link, which is not asked here";
  if (transfer.too_large) return fmt::format("the response is larger than {} bytes", transfer.call.max_body);
  if (kind == Cause::kTimeout) return fmt::format("no response within {:.0f} ms", to_millis(transfer.call.timeout));
  if (kind == Cause::kDns && code == CURLE_OPERATION_TIMEDOUT)
    return fmt::format("its name was not resolved within {:.0f} ms", to_millis(transfer.call.timeout));
  if (kind == Cause::kBroken && closed_unheard(code, transfer))
    return "the server closed the TLS connection without an answer, as one does that refuses a client's certificate or "
           "misses it";
  return transfer.message[0] ? std::string(transfer.message.data()) : std::string(curl_easy_strerror(code));
}

// A port of a small range must be free again at once, and not wait a minute in TIME_WAIT.
int reset_on_close(void*, curl_socket_t fd, curlsocktype) {
  linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  return CURL_SOCKOPT_OK;
}

// Here the name is resolved.
curl_socket_t open_outward(void* of, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(of);
  if (!is_outward(address->addr)) {
    transfer->was_inward = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_callbacks(Transfer& transfer) {
  CURL* easy = transfer.easy;
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message.data());
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
}

void set_connection(Transfer& transfer) {
  CURL* easy = transfer.easy;
  const HttpCall& call = transfer.call;
  curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A transfer that ends while its name is looked up must not wait for the look-up's thread.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "ordeal/" ORDEAL_VERSION);
  if (call.family != 0)
    curl_easy_setopt(easy, CURLOPT_IPRESOLVE, call.family == AF_INET ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6);
  if (call.compressed) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  if (call.connect_only) curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  bool uploads = transfer.streaming && transfer.streaming->wish.produce;
  if (call.connect_only || call.fresh_connection || uploads) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  if (call.connect_only || call.fresh_connection) curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  if (transfer.only_outward) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_outward);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  }
  if (call.local_ports) {
    curl_easy_setopt(easy, CURLOPT_LOCALPORT, static_cast<long>(call.local_ports->first));
    curl_easy_setopt(easy, CURLOPT_LOCALPORTRANGE, static_cast<long>(call.local_ports->count));
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, reset_on_close);
  }
}

std::string bracketed(std::string_view host) {
  return host.find(':') == std::string_view::npos ? std::string(host) : fmt::format("[{}]", host);
}

// curl checks the name in the URL, so that gets the other name; where to connect to is said apart.
void set_tls_name(Transfer& transfer) {
  const HttpCall& call = transfer.call;
  auto url = parse_url(call.url);
  if (!url || url->scheme != "https" || call.tls_name.empty()) return;
  std::string name = bracketed(call.tls_name);
  uint16_t port = port_of(*url);
  std::string other = fmt::format("https://{}:{}{}", name, port, url->rest);
  curl_easy_setopt(transfer.easy, CURLOPT_URL, other.c_str());
  std::string place = fmt::format("{}:{}:{}:{}", name, port, bracketed(url->host), port);
  transfer.connect_to = curl_slist_append(nullptr, place.c_str());
  curl_easy_setopt(transfer.easy, CURLOPT_CONNECT_TO, transfer.connect_to);
  transfer.headers = curl_slist_append(transfer.headers, fmt::format("Host: {}", url->place).c_str());
}

void set_times(Transfer& transfer) {
  auto millis = [](Nanos time) { return std::max<long>(1, static_cast<long>(to_millis(time))); };
  if (!transfer.streaming) {
    curl_easy_setopt(transfer.easy, CURLOPT_TIMEOUT_MS, millis(transfer.call.timeout));
    return;
  }
  // A peer whose machine is gone says nothing more: the kernel asks it.
  curl_easy_setopt(transfer.easy, CURLOPT_CONNECTTIMEOUT_MS, millis(std::min(transfer.call.timeout, kConnectTimeout)));
  curl_easy_setopt(transfer.easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(transfer.easy, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(transfer.easy, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(transfer.easy, CURLOPT_BUFFERSIZE, 65536L);
}

void set_pem(CURL* easy, CURLoption as_file, const std::string& file, CURLoption as_text, const std::string& text) {
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
  if (!text.empty()) curl_easy_setopt(easy, as_text, &blob);
  if (text.empty() && !file.empty()) curl_easy_setopt(easy, as_file, file.c_str());
}

// A resumed session shows no certificates, and what speaks no HTTP may refuse a protocol that is offered.
void keep_certificates(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
}

std::vector<std::string> kept_certificates(CURL* easy) {
  curl_certinfo* kept = nullptr;
  curl_easy_getinfo(easy, CURLINFO_CERTINFO, &kept);
  std::vector<std::string> all;
  for (int i = 0; kept && i < kept->num_of_certs; ++i)
    for (const curl_slist* field = kept->certinfo[i]; field; field = field->next)
      if (std::string_view text = field->data; text.starts_with("Cert:")) all.emplace_back(text.substr(5));
  return all;
}

void set_tls(Transfer& transfer) {
  CURL* easy = transfer.easy;
  const ClientTls& tls = transfer.call.tls;
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set_pem(easy, CURLOPT_CAINFO, tls.authority_file, CURLOPT_CAINFO_BLOB, tls.authority);
  set_pem(easy, CURLOPT_SSLCERT, tls.certificate_file, CURLOPT_SSLCERT_BLOB, tls.certificate);
  set_pem(easy, CURLOPT_SSLKEY, tls.key_file, CURLOPT_SSLKEY_BLOB, tls.key);
  bool own_authority = !tls.authority_file.empty() || !tls.authority.empty();
  // Else the system's authorities were trusted too.
  if (own_authority) curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  // curl keeps authorities for a day.
  if (own_authority) curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 60L);
  // A resumed session would go on with the certificate of before. A password of a key is asked of nobody.
  if (!tls.certificate_file.empty() || !tls.certificate.empty())
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  if (transfer.call.certificates) keep_certificates(easy);
  curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
  if (!transfer.call.insecure) return;
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

void set_body(Transfer& transfer) {
  CURL* easy = transfer.easy;
  const HttpCall& call = transfer.call;
  if (call.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (transfer.streaming && transfer.streaming->wish.produce) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
  } else if (!call.body.empty() || call.method == "POST" || call.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.data());
  }
  bool plain = call.method == "GET" && call.body.empty() && !(transfer.streaming && transfer.streaming->wish.produce);
  if (!plain && call.method != "HEAD") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

void add_header(Transfer& transfer, std::string_view name, std::string_view value) {
  transfer.headers = curl_slist_append(transfer.headers, fmt::format("{}: {}", name, value).c_str());
}

tl::expected<void, HttpFailure> set_headers(Transfer& transfer) {
  const HttpCall& call = transfer.call;
  if (has_line_break(call.method))
    return tl::unexpected(failure_of(call, Cause::kBadUrl, "a line break in the method"));
  // An "Expect: 100-continue" would cost a round trip, or a second with a server that ignores it.
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  for (const auto& [name, value] : call.headers) {
    if (has_line_break(name) || has_line_break(value))
      return tl::unexpected(failure_of(call, Cause::kBadUrl, "a line break in the header " + valid_text(trim(name))));
    add_header(transfer, name, value);
  }
  if (!call.token_file.empty()) {
    auto token = read_file(call.token_file, kMostToken);
    if (!token) return tl::unexpected(failure_of(call, Cause::kOwnLack, token.error().message()));
    if (trim(*token).empty() || has_line_break(trim(*token)))
      return tl::unexpected(failure_of(call, Cause::kOwnLack, fmt::format("{} contains no token", call.token_file)));
    add_header(transfer, "Authorization", fmt::format("Bearer {}", trim(*token)));
  }
  curl_easy_setopt(transfer.easy, CURLOPT_HTTPHEADER, transfer.headers);
  if (call.login.empty()) return {};
  curl_easy_setopt(transfer.easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(transfer.easy, CURLOPT_USERPWD, call.login.c_str());
  return {};
}

}  // namespace

BootTime Streaming::deadline(Nanos head_timeout) const {
  BootTime at = BootTime::max();
  if (ended) return at;
  if (!head_whole && upload_ended) at = head_since + head_timeout;
  if (wish.idle_timeout > 0ns && !waits_for_us()) at = std::min(at, moved + wish.idle_timeout);
  return at;
}

Transfer::~Transfer() {
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  curl_slist_free_all(connect_to);
}

tl::expected<void, HttpFailure> Transfer::prepare() {
  easy = curl_easy_init();
  if (!easy) return tl::unexpected(failure_of(call, Cause::kOwnLack, "no memory for the request"));
  if (streaming) streaming->moved = streaming->head_since = boot_now();
  if (streaming) streaming->upload_ended = !streaming->wish.produce;
  set_callbacks(*this);
  set_connection(*this);
  set_tls_name(*this);
  set_times(*this);
  set_tls(*this);
  set_body(*this);
  return set_headers(*this);
}

void Transfer::end(int number) {
  auto code = static_cast<CURLcode>(number);
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  reply.timings = read_timings(easy);
  if (call.certificates) reply.certificates = kept_certificates(easy);
  if (streaming) streaming->ended = true;
  if (code == CURLE_OK || failure) return;
  Cause kind = classify(code, *this);
  failure = failure_of(call, kind, words_of(code, kind, *this));
}

void Transfer::fail_with(Cause kind, std::string what) {
  failure = failure_of(call, kind, std::move(what));
  if (streaming) streaming->ended = true;
}

void Transfer::go_on() {
  Streaming& s = *streaming;
  bool receive = s.receiving_stops && !s.paused && s.inbox.size() < kMostInbox;
  bool send = s.sending_stops && (s.upload_ended || s.sent < s.outbox.size());
  if (!in_multi || s.ended || (!receive && !send)) return;
  if (receive) s.receiving_stops = false;
  if (send) s.sending_stops = false;
  s.moved = boot_now();
  curl_easy_pause(easy, (s.receiving_stops ? CURLPAUSE_RECV : 0) | (s.sending_stops ? CURLPAUSE_SEND : 0));
}

}  // namespace ordeal::net
