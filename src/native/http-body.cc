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

#include <cerrno>

#include "libav-input.h"
#include "libav-log.h"

namespace lintel {
namespace {

/// Returns true where the URL contains a user.
bool hasUser(const std::string& url) {
  const size_t begin = url.find("//");
  if (begin == std::string::npos) return false;
  const size_t end = url.find_first_of("/?#", begin + 2);
  return url.substr(begin, end == std::string::npos ? end : end - begin).find('@') != std::string::npos;
}

int isInterrupted(void* isStopped) { return static_cast<const std::atomic<bool>*>(isStopped)->load() ? 1 : 0; }

}  // namespace

std::string HttpBody::open(const std::string& url) {
  close();
  AVDictionary* options = nullptr;
  // A seekable body is asked for in ranges, which some cameras do not know; and "icy" asks for the titles of radios.
  av_dict_set(&options, "seekable", "0", 0);
  av_dict_set(&options, "icy", "0", 0);
  av_dict_set(&options, "user_agent", "Lintel", 0);
  av_dict_set(&options, "protocol_whitelist", "http,https,tcp,tls,httpproxy", 0);
  const AVIOInterruptCB interrupt{isInterrupted, const_cast<std::atomic<bool>*>(&isStopped_)};
  const LibavListener listener(nullptr);
  const int error = avio_open2(&context_, url.c_str(), AVIO_FLAG_READ, &interrupt, &options);
  av_dict_free(&options);
  if (error < 0) {
    context_ = nullptr;
    if (listener.isHostUnknown()) return "the name of the host is unknown";
    if (error == AVERROR_HTTP_UNAUTHORIZED && !hasUser(url)) {
      return "it asks for a user and a password (status 401): set username and passwordFile";
    }
    return describeLibavError(error);
  }
  unsigned char* type = nullptr;
  if (av_opt_get(context_, "mime_type", AV_OPT_SEARCH_CHILDREN, &type) >= 0 && type != nullptr) {
    contentType_ = reinterpret_cast<const char*>(type);
  }
  av_free(type);
  lengthBytes_ = avio_size(context_);
  if (lengthBytes_ < 0) lengthBytes_ = -1;
  return {};
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
