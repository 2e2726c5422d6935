// What a URL gives: decided by the type of the answer and the first bytes of its body.
#pragma once

#include <string>
#include <string_view>

namespace lintel {

enum class HttpKind {
  /// A stream of JPEGs, in parts or joined.
  pictures,
  /// One JPEG.
  jpeg,
  /// One PNG.
  png,
  /// One picture of another format.
  otherPicture,
  /// An HTML page.
  page,
  /// A text that describes no stream.
  text,
  /// No body at all.
  nothing,
  /// Anything else: perhaps a stream that FFmpeg can read.
  other,
};

/// Number of bytes from the beginning of a body that suffice to decide.
constexpr size_t kDecisiveBytes = 512;

/// @param head the first bytes of the body, up to kDecisiveBytes; of a multipart body none are needed
HttpKind findHttpKind(std::string_view contentType, std::string_view head);

/// Describes what a URL gives in place of a stream, and what helps. @param kind neither pictures nor other
std::string describeNoStream(HttpKind kind);
/// Describes what a URL gives in place of one picture, and what helps. @param kind neither jpeg nor png
std::string describeNoPicture(HttpKind kind);

}  // namespace lintel
