// The body of an answer over HTTP: opens the URL, tells what it gives, and reads it.
#include "http-body.h"

extern "C" {
#include <libavformat/avformat.h>
#include <libavformat/avio.h>
#include <libavutil/dict.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <cerrno>

#include "libav-input.h"
#include "libav-log.h"

namespace lintel {
namespace {

/// Most redirects within one server that are followed with the user and the password.
constexpr int kMostRedirects = 5;

/// The pieces of an absolute URL up to its path. `user` ends with an @, or is empty.
struct Origin {
  std::string scheme;
  std::string user;
  std::string host;
  std::string rest;
};

Origin splitUrl(const std::string& url) {
  Origin made;
  const size_t slashes = url.find("://");
  if (slashes == std::string::npos) return made;
  const size_t begin = slashes + 3;
  const size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  const size_t at = url.substr(begin, end - begin).rfind('@');
  const size_t host = at == std::string::npos ? begin : begin + at + 1;
  made.scheme = url.substr(0, begin);
  made.user = url.substr(begin, host - begin);
  made.host = url.substr(host, end - host);
  made.rest = url.substr(end);
  return made;
}

/// Adds the user of a URL to the target of a redirect within the same server: FFmpeg drops it there. It is never given to
/// another server. @returns empty where there is nothing to add
std::string addUser(const std::string& url, const std::string& target) {
  const Origin from = splitUrl(url), to = splitUrl(target);
  const bool isSameServer = from.scheme == to.scheme && from.host == to.host && !from.host.empty();
  return from.user.empty() || !to.user.empty() || !isSameServer ? "" : to.scheme + from.user + to.host + to.rest;
}

int isInterrupted(void* isStopped) { return static_cast<const std::atomic<bool>*>(isStopped)->load() ? 1 : 0; }

}  // namespace

std::string HttpBody::open(const std::string& url) {
  std::string target = url;
  for (int redirects = 0;; redirects++) {
    const LibavListener listener(nullptr);
    const int error = request(target);
    if (error >= 0) return {};
    if (error == AVERROR_HTTP_UNAUTHORIZED && redirects < kMostRedirects) {
      target = addUser(target, listener.location());
      if (!target.empty()) continue;
    }
    if (listener.isHostUnknown()) return "the name of the host is unknown";
    const std::string status = " (status " + std::to_string(listener.httpStatus()) + ")";
    if (error == AVERROR_HTTP_UNAUTHORIZED && splitUrl(url).user.empty()) {
      return "it asks for a user and a password (status 401): set username and passwordFile";
    }
    if (error == AVERROR_HTTP_OTHER_4XX) return "the request was refused" + status;
    if (error == AVERROR_HTTP_SERVER_ERROR) return "the camera or server reports an error of its own" + status;
    return describeLibavError(error);
  }
}

/// Sends one request, and follows redirects as FFmpeg does. @returns 0, or an error of FFmpeg
int HttpBody::request(const std::string& url) {
  close();
  AVDictionary* options = nullptr;
  // A seekable body is asked for in ranges, which some cameras do not know; and "icy" asks for the titles of radios.
  av_dict_set(&options, "seekable", "0", 0);
  av_dict_set(&options, "icy", "0", 0);
  av_dict_set(&options, "user_agent", "Lintel", 0);
  av_dict_set(&options, "protocol_whitelist", "http,https,tcp,tls,httpproxy", 0);
  const AVIOInterruptCB interrupt{isInterrupted, const_cast<std::atomic<bool>*>(&isStopped_)};
  const int error = avio_open2(&context_, url.c_str(), AVIO_FLAG_READ, &interrupt, &options);
  av_dict_free(&options);
  if (error < 0) {
    context_ = nullptr;
    return error;
  }
  unsigned char* type = nullptr;
  if (av_opt_get(context_, "mime_type", AV_OPT_SEARCH_CHILDREN, &type) >= 0 && type != nullptr) {
    contentType_ = reinterpret_cast<const char*>(type);
  }
  av_free(type);
  lengthBytes_ = avio_size(context_);
  if (lengthBytes_ < 0) lengthBytes_ = -1;
  return 0;
}

void HttpBody::close() {
  if (context_ != nullptr) avio_closep(&context_);
  contentType_.clear();
  lengthBytes_ = -1;
  end_ = 0;
}

size_t HttpBody::read(unsigned char* bytes, size_t most) {
  if (context_ == nullptr || end_ != 0) return 0;
  const int count = avio_read_partial(context_, bytes, static_cast<int>(most));
  if (count > 0) return static_cast<size_t>(count);
  end_ = count == 0 ? AVERROR_EOF : count;
  return 0;
}

std::string HttpBody::describeEnd() const {
  if (end_ == 0 || end_ == AVERROR_EOF) return {};
  return end_ == AVERROR(EIO) ? "the connection ended too early" : describeLibavError(end_);
}

}  // namespace lintel
