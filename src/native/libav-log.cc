// Listens to what FFmpeg's libraries log: losses and missing references are reported in no other way.
#include "libav-log.h"

#include <strings.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>

extern "C" {
#include <libavutil/log.h>
}

namespace lintel {
namespace {

thread_local LibavListener* current = nullptr;

bool startsWith(const char* text, const char* start) { return std::strncmp(text, start, std::strlen(start)) == 0; }

/// Returns true for a message that packets were lost: by RTP, or by the counters of an MPEG transport stream.
bool reportsLoss(const char* format) {
  return startsWith(format, "RTP: missed") || startsWith(format, "Packet corrupt");
}

/// Returns true for a message of a decoder that the picture is damaged. Measured with FFmpeg 5.1.9 in November 2026: of
/// a lost picture that others rest on, the H.264 decoder says "Frame num gap", on the level of debugging, and the HEVC
/// decoder "Could not find ref with POC" as an error. Neither marks a frame.
bool reportsDamage(int level, const char* format) {
  if (startsWith(format, "Frame num gap")) return true;
  if (level > AV_LOG_ERROR) return false;
  // These are about additional data, or about an encoder that keeps its own rules badly; the pictures are whole.
  for (const char* harmless : {"SEI", "sei", "VUI", "APP", "number of reference frames", "mmco: unref short failure"}) {
    if (std::strstr(format, harmless) != nullptr) return false;
  }
  return true;
}

bool reportsUnknownHost(const char* format) { return startsWith(format, "Failed to resolve hostname"); }

/// FFmpeg tells the exact status, and where a redirect leads to, in no other way.
bool reportsHttp(const char* format) {
  return startsWith(format, "HTTP error %d") || startsWith(format, "header='%s'");
}

/// Returns the value of a header line, as FFmpeg logs it; empty where it is another header.
std::string readHeader(const std::string& text, const char* name) {
  const std::string start = std::string("header='") + name + ":";
  if (strncasecmp(text.c_str(), start.c_str(), start.size()) != 0 || text.back() != '\'') return {};
  const size_t begin = text.find_first_not_of(" \t", start.size());
  return begin >= text.size() - 1 ? std::string() : text.substr(begin, text.size() - 1 - begin);
}

void receive(void* context, int level, const char* format, va_list arguments) {
  if (current == nullptr || format == nullptr || !current->isInteresting(context, level, format)) return;
  char text[2048];
  std::vsnprintf(text, sizeof text, format, arguments);
  text[std::strcspn(text, "\r\n")] = '\0';
  current->hear(context, level, format, text);
}

}  // namespace

void listenToLibav() { av_log_set_callback(receive); }

LibavListener::LibavListener(const void* decoder) : previous_(current), decoder_(decoder) {
  // GStreamer's plugin for FFmpeg sets a function of its own when it is loaded.
  listenToLibav();
  current = this;
}

LibavListener::~LibavListener() { current = previous_; }

bool LibavListener::isInteresting(const void* context, int level, const char* format) const {
  if (decoder_ != nullptr && context == decoder_) return reportsDamage(level, format);
  return reportsLoss(format) || reportsUnknownHost(format) || reportsHttp(format);
}

void LibavListener::hear(const void* context, int level, const char* format, const std::string& text) {
  if (decoder_ != nullptr && context == decoder_) {
    hasDamage_ = hasDamage_ || reportsDamage(level, format);
  } else {
    hasLoss_ = hasLoss_ || reportsLoss(format);
    isHostUnknown_ = isHostUnknown_ || reportsUnknownHost(format);
    if (startsWith(format, "HTTP error")) std::sscanf(text.c_str(), "HTTP error %d", &httpStatus_);
    if (std::string to = readHeader(text, "Location"); !to.empty()) location_ = to;
  }
  // The message about a host contains its name.
  if (message_.empty() && (hasDamage_ || hasLoss_)) message_ = text;
}

}  // namespace lintel
