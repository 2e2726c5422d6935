// Chooses the reader of a source.
#include "reader.h"

#include "reader-opencv.h"

namespace lintel {

std::unique_ptr<Reader> makeReader(const SourceOptions& options, const std::atomic<bool>&) {
  return std::make_unique<OpenCvReader>(options);
}

}  // namespace lintel
