// What a URL gives: decided by the type of the answer and the first bytes of its body.
#include "http-kind.h"

#include <algorithm>
#include <cctype>

#include "part-splitter.h"

namespace lintel {
namespace {

bool startsWith(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

std::string_view withoutSpace(std::string_view text) {
  if (startsWith(text, "\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  return text;
}

/// Returns true for a boundary line of a multipart body, which begins with two dashes.
bool startsWithBoundary(std::string_view text) {
  if (!startsWith(text, "--")) return false;
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), [](char letter) {
    return letter == '\r' || (letter >= ' ' && letter <= '~');
  });
}

bool contains(std::string_view text, std::string_view wanted) { return text.find(wanted) != std::string_view::npos; }

/// Returns true for a list or a description of streams that FFmpeg reads: HLS, DASH and SDP.
bool describesStream(std::string_view text) {
  return startsWith(text, "#EXTM3U") || startsWith(text, "v=0") || contains(text, "<MPD");
}

}  // namespace

HttpKind findHttpKind(std::string_view contentType, std::string_view head) {
  const std::string type = readMediaType(contentType);
  if (startsWith(type, "multipart/")) return HttpKind::pictures;
  if (head.empty()) return HttpKind::nothing;
  const bool isImage = startsWith(type, "image/");
  if (startsWith(head, "\xff\xd8\xff")) return isImage ? HttpKind::jpeg : HttpKind::pictures;
  if (startsWith(head, "\x89PNG\r\n\x1a\n")) return HttpKind::png;
  const std::string_view text = withoutSpace(head);
  if (startsWithBoundary(text)) return HttpKind::pictures;
  if (describesStream(text)) return HttpKind::other;
  if (type == "text/html" || type == "application/xhtml+xml" || startsWith(text, "<")) return HttpKind::page;
  if (startsWith(type, "text/") || type == "application/json" || type == "application/xml") return HttpKind::text;
  return isImage ? HttpKind::otherPicture : HttpKind::other;
}

std::string describeNoStream(HttpKind kind) {
  switch (kind) {
    case HttpKind::jpeg:
    case HttpKind::png:
      return "the URL gives a single picture, not a stream: the source `type: snapshot` reads it again and again";
    case HttpKind::otherPicture:
      return "the URL gives a single picture that is neither JPEG nor PNG";
    case HttpKind::page:
      return "the URL gives a web page, not a stream: perhaps it asks for a login, or the path of the stream is another";
    case HttpKind::text:
      return "the URL gives a text, not a stream: perhaps the path of the stream is another";
    case HttpKind::nothing:
      return "the URL gives an empty answer";
    default:
      return "the URL gives no stream";
  }
}

std::string describeNoPicture(HttpKind kind) {
  switch (kind) {
    case HttpKind::otherPicture:
      return "the URL gives a picture that is neither JPEG nor PNG";
    case HttpKind::page:
      return "the URL gives a web page, not a picture: perhaps it asks for a login, or the path is another";
    case HttpKind::text:
      return "the URL gives a text, not a picture: perhaps the path is another";
    case HttpKind::nothing:
      return "the URL gives an empty answer";
    default:
      return "the URL gives no picture: if it gives a stream, the source `type: url` reads it";
  }
}

}  // namespace lintel
