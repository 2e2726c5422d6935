// Chooses the reader of a source.
#include "reader.h"

#include "reader-http.h"
#include "reader-libav.h"
#include "reader-opencv.h"
#include "reader-snapshot.h"

namespace lintel {
namespace {

bool isHttp(const std::string& url) { return url.compare(0, 5, "http:") == 0 || url.compare(0, 6, "https:") == 0; }

}  // namespace

std::unique_ptr<Reader> makeReader(const SourceOptions& options, const std::atomic<bool>& isStopped) {
  switch (options.type) {
    case SourceOptions::Type::device:
    case SourceOptions::Type::gstreamer:
      return std::make_unique<OpenCvReader>(options);
    case SourceOptions::Type::url:
      if (isHttp(options.target)) return std::make_unique<HttpReader>(options, isStopped);
      return std::make_unique<LibavReader>(options, isStopped);
    case SourceOptions::Type::snapshot:
      return std::make_unique<SnapshotReader>(options, isStopped);
    case SourceOptions::Type::file:
      return std::make_unique<LibavReader>(options, isStopped);
  }
  return nullptr;
}

}  // namespace lintel
