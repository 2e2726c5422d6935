// Chooses the reader of a source.
#include "reader.h"

#include "reader-libav.h"
#include "reader-opencv.h"

namespace lintel {

std::unique_ptr<Reader> makeReader(const SourceOptions& options, const std::atomic<bool>& isStopped) {
  switch (options.type) {
    case SourceOptions::Type::device:
    case SourceOptions::Type::gstreamer:
      return std::make_unique<OpenCvReader>(options);
    case SourceOptions::Type::url:
    case SourceOptions::Type::file:
      return std::make_unique<LibavReader>(options, isStopped);
  }
  return nullptr;
}

}  // namespace lintel
