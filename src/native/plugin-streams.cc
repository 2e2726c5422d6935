// build/lintel-streams.so: the readers of streams, files and pictures over HTTP, with FFmpeg's libraries.
#include "plugin-streams.h"

#include <mutex>

#include "reader-http.h"
#include "reader-libav.h"
#include "reader-snapshot.h"

namespace lintel {
namespace {

bool isHttp(const std::string& url) { return url.compare(0, 5, "http:") == 0 || url.compare(0, 6, "https:") == 0; }

}  // namespace
}  // namespace lintel

extern "C" {

__attribute__((visibility("default"))) lintel::Reader* lintelMakeStreamReader(const lintel::SourceOptions& options,
                                                                              const std::atomic<bool>& isStopped) {
  static std::once_flag once;
  std::call_once(once, lintel::prepareLibav);
  if (options.type == lintel::SourceOptions::Type::snapshot) return new lintel::SnapshotReader(options, isStopped);
  if (options.type == lintel::SourceOptions::Type::url && lintel::isHttp(options.target)) {
    return new lintel::HttpReader(options, isStopped);
  }
  return new lintel::LibavReader(options, isStopped);
}

__attribute__((visibility("default"))) const char* lintelReadFfmpegVersion() { return av_version_info(); }
}
