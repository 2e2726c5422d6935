// Opens a stream or a file with FFmpeg's libavformat, and reads its packets.
#include "libav-input.h"

extern "C" {
#include <libavutil/avstring.h>
}

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "libav-log.h"

namespace lintel {
namespace {

/// Options for FFmpeg. What it does not know stays in it and is ignored.
class Dictionary {
 public:
  Dictionary() = default;
  ~Dictionary() { av_dict_free(&entries_); }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  void set(const char* key, const char* value) { av_dict_set(&entries_, key, value, 0); }
  AVDictionary** get() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

// A stream, a redirection or a playlist must not lead to files of this machine, nor to other kinds of network service.
constexpr const char* kHttpProtocols = "http,https,tcp,tls,crypto,data";
constexpr const char* kRtspProtocols = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,crypto";
/// Formats that cameras and servers send over HTTP. Others, such as lists of files, are no streams.
constexpr const char* kHttpFormats =
    "mpjpeg,mjpeg,jpeg_pipe,png_pipe,webp_pipe,hls,dash,mpegts,mpeg,flv,live_flv,mov,matroska,ogg,avi,asf,nut,ivf,"
    "h264,hevc,m4v,mpegvideo,h263,obu,av1,mxf,yuv4mpegpipe,aac,mp3,ac3,webvtt";
/// Number of RTP packets that wait for one that is late. Over TCP none is late: the queue is what makes FFmpeg report
/// packets that the camera left out.
constexpr const char* kTcpQueue = "8";

bool startsWith(const std::string& text, const char* start) { return text.compare(0, std::strlen(start), start) == 0; }

int isInterrupted(void* isStopped) { return static_cast<const std::atomic<bool>*>(isStopped)->load() ? 1 : 0; }

/// Refuses to open anything beside the file itself, such as the entries of a playlist.
int refuseNested(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EPERM); }

bool hasName(const char* names, const char* name) { return names != nullptr && av_match_name(name, names) != 0; }

}  // namespace

std::string describeLibavError(int error) {
  switch (error) {
    case AVERROR_HTTP_UNAUTHORIZED:
      return "the user or the password is wrong or missing (status 401)";
    case AVERROR_HTTP_FORBIDDEN:
      return "access is forbidden (status 403)";
    case AVERROR_HTTP_NOT_FOUND:
      return "there is nothing at this address (status 404)";
    case AVERROR_HTTP_BAD_REQUEST:
      return "the request was refused (status 400)";
    case AVERROR_HTTP_OTHER_4XX:
      return "the request was refused (a status from 405 to 499)";
    case AVERROR_HTTP_SERVER_ERROR:
      return "the camera or server reports an error of its own (a status of 500 or more)";
    case AVERROR_INVALIDDATA:
      return "what comes is no video that FFmpeg knows";
    case AVERROR_PROTOCOL_NOT_FOUND:
      return "it leads to a protocol that is not allowed or not known";
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_DECODER_NOT_FOUND:
      return "FFmpeg has no decoder for it";
    case AVERROR_EOF:
      return "it ended at once";
    case AVERROR(ECONNREFUSED):
      return "the connection was refused";
    case AVERROR(EHOSTUNREACH):
    case AVERROR(ENETUNREACH):
      return "the host cannot be reached";
    case AVERROR(ETIMEDOUT):
      return "it timed out";
    case AVERROR(ECONNRESET):
    case AVERROR(EPIPE):
      return "the other end closed the connection";
    case AVERROR(EPERM):
    case AVERROR(EACCES):
      return "it leads to something that may not be opened";
    default: {
      char text[AV_ERROR_MAX_STRING_SIZE] = {};
      av_strerror(error, text, sizeof text);
      return text;
    }
  }
}

LibavInput::LibavInput(const SourceOptions& options, const std::atomic<bool>& isStopped)
    : options_(options), isStopped_(isStopped) {}

LibavInput::~LibavInput() {
  avformat_close_input(&context_);
  avio_closep(&file_);
  if (bodyContext_ != nullptr) av_freep(&bodyContext_->buffer);
  avio_context_free(&bodyContext_);
}

void LibavInput::takeBody(std::unique_ptr<HttpBody> body, std::string head) {
  body_ = std::move(body);
  head_ = std::move(head);
}

/// Gives FFmpeg the next bytes of the body: first those that were read before.
int LibavInput::readBody(void* input, uint8_t* bytes, int most) {
  LibavInput& self = *static_cast<LibavInput*>(input);
  if (!self.head_.empty()) {
    const size_t count = std::min(self.head_.size(), static_cast<size_t>(most));
    std::memcpy(bytes, self.head_.data(), count);
    self.head_.erase(0, count);
    return static_cast<int>(count);
  }
  const size_t count = self.body_->read(bytes, static_cast<size_t>(most));
  return count > 0 ? static_cast<int>(count) : AVERROR_EOF;
}

void LibavInput::openBody() {
  constexpr int kBufferBytes = 32 << 10;
  auto* const buffer = static_cast<unsigned char*>(av_malloc(kBufferBytes));
  if (buffer != nullptr) bodyContext_ = avio_alloc_context(buffer, kBufferBytes, 0, this, readBody, nullptr, nullptr);
  if (bodyContext_ == nullptr) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  context_->pb = bodyContext_;
}

std::string LibavInput::open() {
  context_ = avformat_alloc_context();
  if (context_ == nullptr) throw std::bad_alloc();
  context_->interrupt_callback = {isInterrupted, const_cast<std::atomic<bool>*>(&isStopped_)};
  return options_.type == SourceOptions::Type::file ? openFile() : openUrl();
}

std::string LibavInput::openUrl() {
  Dictionary options;
  if (startsWith(options_.target, "rtsp")) {
    options.set("protocol_whitelist", kRtspProtocols);
    options.set("format_whitelist", "rtsp");
    options.set("allowed_media_types", "video");
    if (options_.transport == SourceOptions::Transport::any) {
      options.set("rtsp_flags", "prefer_tcp");
    } else {
      options.set("rtsp_transport", options_.transport == SourceOptions::Transport::udp ? "udp" : "tcp");
    }
    if (options_.transport == SourceOptions::Transport::tcp) options.set("reorder_queue_size", kTcpQueue);
  } else {
    options.set("protocol_whitelist", kHttpProtocols);
    options.set("format_whitelist", kHttpFormats);
    // No titles of internet radio among the data.
    options.set("icy", "0");
    if (body_) openBody();
  }
  const LibavListener listener(nullptr);
  const int error = avformat_open_input(&context_, options_.target.c_str(), nullptr, options.get());
  if (error >= 0) return {};
  const std::string start = "the stream could not be opened: ";
  return start + (listener.isHostUnknown() ? "the name of the host is unknown" : describeLibavError(error));
}

std::string LibavInput::openFile() {
  if (std::string problem = findPathProblem(options_); !problem.empty()) return problem;
  const std::string unreadable = "the file is no video that can be decoded";
  Dictionary options;
  options.set("protocol_whitelist", "file");
  // The scheme keeps a path with a colon from being taken for another protocol.
  const std::string url = "file:" + options_.target;
  if (avio_open2(&file_, url.c_str(), AVIO_FLAG_READ, &context_->interrupt_callback, options.get()) < 0) {
    return "the file cannot be read";
  }
  context_->pb = file_;
  context_->io_open = refuseNested;
  Dictionary formatOptions;
  // The file is open already, and no format may open anything else: lists of files do it without io_open.
  formatOptions.set("protocol_whitelist", "none");
  if (avformat_open_input(&context_, url.c_str(), nullptr, formatOptions.get()) < 0) return unreadable;
  if (avformat_find_stream_info(context_, nullptr) < 0) return unreadable;
  return {};
}

int LibavInput::read(AVPacket& packet) { return av_read_frame(context_, &packet); }

bool LibavInput::hasTimestamps() const {
  return options_.type == SourceOptions::Type::url && context_ != nullptr && context_->iformat != nullptr &&
         (context_->iformat->flags & AVFMT_NOTIMESTAMPS) == 0;
}

bool LibavInput::isSegmented() const {
  return context_ != nullptr && context_->iformat != nullptr &&
         (hasName(context_->iformat->name, "hls") || hasName(context_->iformat->name, "dash"));
}

}  // namespace lintel
