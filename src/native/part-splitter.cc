// Splits the body of an MJPEG stream into pictures, whatever its parts look like.
#include "part-splitter.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace lintel {
namespace {

/// Longest boundary line. RFC 2046 allows 70 characters.
constexpr size_t kMostBoundaryBytes = 256;
/// Longest header line of a part.
constexpr size_t kMostHeaderBytes = 8'192;
constexpr size_t kNowhere = static_cast<size_t>(-1);

constexpr unsigned char kSoi = 0xd8, kEoi = 0xd9;

/// Returns true for a marker that a segment with a length follows: all from SOF0 to COM but RST0 to RST7, SOI and EOI.
bool hasSegment(unsigned char marker) { return marker >= 0xc0 && marker <= 0xfe && (marker < 0xd0 || marker > kEoi); }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string_view withoutDashes(std::string_view text) {
  while (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return text;
}

std::string toLower(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return lower;
}

bool isPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char letter) { return letter >= ' ' && letter <= '~'; });
}

/// Reads the parameter `boundary`, with or without quotes, without the dashes at its beginning.
std::string readBoundaryToken(std::string_view contentType) {
  const std::string lower = toLower(contentType);
  for (size_t at = lower.find(';'); at != std::string::npos; at = lower.find(';', at)) {
    const size_t equals = lower.find('=', ++at);
    if (equals == std::string::npos) break;
    if (trim(std::string_view(lower).substr(at, equals - at)) != "boundary") continue;
    std::string_view value = trim(contentType.substr(equals + 1));
    if (!value.empty() && value.front() == '"') {
      value.remove_prefix(1);
      value = value.substr(0, value.find('"'));
    } else {
      value = trim(value.substr(0, value.find(';')));
    }
    return std::string(withoutDashes(value));
  }
  return {};
}

/// Reads a number without a sign. @returns absent where the text is none
std::optional<double> readNumber(std::string_view value) {
  const std::string text(value.substr(0, 40));
  if (text.empty() || !std::isdigit(static_cast<unsigned char>(text[0]))) return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !std::isfinite(number)) return std::nullopt;
  return number;
}

/// Reads X-Timestamp: seconds (mjpg-streamer, ESP32), milliseconds or microseconds since 1970 or since the camera
/// started. The unit follows from the size: 1e11 s are 3,000 years.
std::optional<double> readTimestampMs(std::string_view value) {
  const std::optional<double> number = readNumber(value);
  if (!number || *number <= 0 || *number >= 1e17) return std::nullopt;
  if (*number >= 1e14) return *number / 1'000;
  return *number >= 1e11 ? *number : *number * 1'000;
}

/// Returns true for a part that may hold a picture anywhere. Other parts, such as text or sound, are skipped unless
/// they begin with a picture.
bool maySurround(const std::string& type) {
  return type.empty() || type.compare(0, 6, "image/") == 0 || type == "application/octet-stream";
}

}  // namespace

std::string readMediaType(std::string_view contentType) {
  return toLower(trim(contentType.substr(0, contentType.find(';'))));
}

PartSplitter::PartSplitter(std::string_view contentType) : token_(readBoundaryToken(contentType)) {}

std::string_view PartSplitter::text(size_t from, size_t to) const {
  return {reinterpret_cast<const char*>(bytes_.data()) + from, to - from};
}

void PartSplitter::add(const unsigned char* bytes, size_t length) {
  if (state_ == State::tooLarge) return;
  const size_t keep = state_ == State::picture ? start_ : at_;
  if (keep > 0) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(keep));
    at_ -= keep, start_ = 0;
    searched_ -= std::min(searched_, keep), segmentEnd_ -= std::min(segmentEnd_, keep);
  }
  bytes_.insert(bytes_.end(), bytes, bytes + length);
}

/// Returns the position of the next line feed, or `to` where there is none before it.
size_t PartSplitter::findLineEnd(size_t from, size_t to) const {
  const auto first = bytes_.begin();
  return static_cast<size_t>(
      std::find(first + static_cast<std::ptrdiff_t>(from), first + static_cast<std::ptrdiff_t>(to), '\n') - first);
}

std::optional<PartPicture> PartSplitter::next() {
  bool goesOn = true;
  while (goesOn && !done_) {
    switch (state_) {
      case State::between:
        goesOn = readBetween();
        break;
      case State::headers:
        goesOn = readHeader();
        break;
      case State::picture:
        goesOn = readPicture();
        break;
      case State::tooLarge:
        return std::nullopt;
    }
  }
  return std::exchange(done_, std::nullopt);
}

/// Three bytes, because every JPEG continues with a further marker.
bool PartSplitter::startsPicture(size_t at) const {
  return rest(at) >= 3 && bytes_[at] == 0xff && bytes_[at + 1] == kSoi && bytes_[at + 2] == 0xff;
}

bool PartSplitter::readBetween() {
  for (; at_ < bytes_.size(); at_++) {
    const unsigned char byte = bytes_[at_];
    if (byte == 0xff && begin_ != Begin::nowhere) {
      if (rest(at_) < 3 && !isEnded_) return false;
      if (startsPicture(at_)) {
        beginPicture();
        return true;
      }
    }
    if (byte == '-') {
      if (rest(at_) < 2 && !isEnded_) return false;
      const size_t before = at_;
      if (rest(at_) >= 2 && bytes_[at_ + 1] == '-' && readBoundary(at_, atLineStart_)) return at_ != before;
    }
    atLineStart_ = byte == '\n';
    if (begin_ == Begin::atOnce && byte != '\r' && byte != '\n') begin_ = Begin::nowhere;
  }
  return false;
}

/// Reads a boundary line, which begins with two dashes: at the beginning of a line any, elsewhere the current one.
/// @returns true where it is one, or where more bytes must show whether it is; then `at_` has not moved
bool PartSplitter::readBoundary(size_t at, bool isLineStart) {
  const size_t most = std::min(bytes_.size(), at + kMostBoundaryBytes);
  const size_t end = findLineEnd(at, most);
  const std::string_view line = withoutDashes(trim(text(at, end)));
  if (!isPrintable(line)) return false;
  if (end == most) {
    if (isEnded_ || most - at == kMostBoundaryBytes) return false;
    const size_t shared = std::min(line.size(), token_.size());
    return isLineStart || (!token_.empty() && line.substr(0, shared) == std::string_view(token_).substr(0, shared));
  }
  const bool endsWithDashes = line.size() > 2 && line.substr(line.size() - 2) == "--";
  const bool isClosed = endsWithDashes && !token_.empty() && line.substr(0, line.size() - 2) == token_;
  if (!isLineStart && (token_.empty() || (line != token_ && !isClosed))) return false;
  const bool isClosing = isClosed || (endsWithDashes && hasBoundaries_ && line != token_);
  if (!line.empty()) token_ = isClosing ? line.substr(0, line.size() - 2) : line;
  at_ = end + 1;
  atLineStart_ = true;
  hasBoundaries_ = true;
  begin_ = Begin::nowhere;
  state_ = State::between;
  if (!isClosing) beginPart();
  return true;
}

void PartSplitter::beginPart() {
  state_ = State::headers;
  type_.clear();
  lengthBytes_.reset();
  timestampMs_.reset();
}

bool PartSplitter::readHeader() {
  const size_t most = std::min(bytes_.size(), at_ + kMostHeaderBytes);
  const size_t end = findLineEnd(at_, most);
  // A part without headers begins with its body. An endless line is no header either.
  const bool isBody = at_ < bytes_.size() && bytes_[at_] == 0xff;
  if (end == most && !isBody && !isEnded_ && most - at_ < kMostHeaderBytes) return false;
  if (end == most || isBody) {
    endHeaders();
    return true;
  }
  const std::string_view line = trim(text(at_, end));
  if (line.substr(0, 2) == "--" && readBoundary(at_, true)) return true;
  at_ = end + 1;
  const size_t colon = line.find(':');
  if (line.empty()) {
    endHeaders();
  } else if (colon != std::string_view::npos) {
    takeHeader(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return true;
}

void PartSplitter::takeHeader(std::string_view name, std::string_view value) {
  const std::string lower = toLower(name);
  if (lower == "content-type") type_ = readMediaType(value);
  if (lower == "x-timestamp") timestampMs_ = readTimestampMs(value);
  if (lower != "content-length") return;
  const std::optional<double> length = readNumber(value);
  if (length && *length > 0 && *length <= static_cast<double>(kMostPictureBytes)) {
    lengthBytes_ = static_cast<size_t>(*length);
  }
}

void PartSplitter::endHeaders() {
  state_ = State::between;
  begin_ = maySurround(type_) ? Begin::anywhere : Begin::atOnce;
  atLineStart_ = true;
}

void PartSplitter::beginPicture() {
  state_ = State::picture;
  start_ = at_;
  at_ += 2;
  searched_ = at_;
  segmentEnd_ = 0;
}

/// Ends the picture before `end`, and goes on there.
void PartSplitter::endPicture(size_t end) {
  const auto first = bytes_.begin();
  done_.emplace();
  done_->jpeg.assign(first + static_cast<std::ptrdiff_t>(start_), first + static_cast<std::ptrdiff_t>(end));
  done_->timestampMs = timestampMs_;
  at_ = end;
  state_ = State::between;
  // Without boundaries, the next picture may follow at once. Otherwise what follows in the part is no further picture.
  begin_ = hasBoundaries_ ? Begin::nowhere : Begin::anywhere;
  atLineStart_ = true;
  timestampMs_.reset();
  lengthBytes_.reset();
}

/// Reads on in the structure of the JPEG, up to its EOI. It ends before that at a boundary line, at the length of the
/// part, and at the beginning of another picture: then it was cut short, or the camera sends no EOI.
bool PartSplitter::readPicture() {
  const size_t boundary = findBoundary();
  const size_t to = std::min({bytes_.size(), boundary, findLengthEnd()});
  const bool isPartEnd = to < bytes_.size() || to == boundary || isEnded_;
  while (at_ < to) {
    const size_t before = at_;
    if (readPiece(to)) return true;
    if (at_ == before) break;
  }
  if (isPartEnd) {
    endPicture(to);
    return true;
  }
  if (bytes_.size() - start_ > kMostPictureBytes) {
    state_ = State::tooLarge;
    bytes_ = {};
  }
  return false;
}

/// Reads one piece of the JPEG before `to`: a segment, a marker, or entropy-coded data up to the next marker. It does
/// not move where bytes are missing. @returns true at the end of the picture
bool PartSplitter::readPiece(size_t to) {
  if (at_ < segmentEnd_) {
    at_ = std::min(segmentEnd_, to);
    return false;
  }
  if (bytes_[at_] != 0xff) {
    const void* const found = std::memchr(bytes_.data() + at_, 0xff, to - at_);
    at_ = found == nullptr ? to : static_cast<size_t>(static_cast<const unsigned char*>(found) - bytes_.data());
    return false;
  }
  if (to - at_ < 2) return false;
  const unsigned char marker = bytes_[at_ + 1];
  if (marker == kEoi) {
    endPicture(at_ + 2);
    return true;
  }
  if (marker == kSoi) {
    if (to - at_ < 3) return false;
    if (startsPicture(at_) && at_ > start_ + 2) {
      endPicture(at_);
      begin_ = Begin::atOnce;
      return true;
    }
    // Two beginnings in a row are one.
    if (at_ == start_ + 2) start_ = at_;
  }
  if (!hasSegment(marker)) {
    at_ += marker == 0xff ? 1 : 2;
  } else if (to - at_ >= 4) {
    // The length counts itself.
    segmentEnd_ = at_ + 2 + std::max<size_t>(2, static_cast<size_t>(bytes_[at_ + 2]) << 8 | bytes_[at_ + 3]);
    at_ += 2;
  }
  return false;
}

/// Finds the current boundary, after two dashes, in the picture. @returns the position of the dashes
size_t PartSplitter::findBoundary() {
  if (token_.empty()) return kNowhere;
  const std::string wanted = "--" + token_;
  while (searched_ + wanted.size() < bytes_.size()) {
    const unsigned char* const from = bytes_.data() + searched_;
    const void* const found = memmem(from, bytes_.size() - 1 - searched_, wanted.data(), wanted.size());
    if (found == nullptr) {
      // The end may hold a piece of a boundary.
      searched_ = bytes_.size() - wanted.size();
      return kNowhere;
    }
    searched_ = static_cast<size_t>(static_cast<const unsigned char*>(found) - bytes_.data());
    // A short boundary also occurs within a picture, but seldom at the end of a line.
    const unsigned char behind = bytes_[searched_ + wanted.size()];
    if (behind == '\r' || behind == '\n' || behind == '-' || behind == ' ') return searched_;
    searched_++;
  }
  return kNowhere;
}

/// Returns the end of the picture by the length of its part, where a line end or a boundary follows: a wrong length must
/// not cut a picture.
size_t PartSplitter::findLengthEnd() const {
  if (!lengthBytes_) return kNowhere;
  const size_t at = start_ + *lengthBytes_;
  if (at + 2 > bytes_.size()) return kNowhere;
  const bool isEnd =
      (bytes_[at] == '\r' && bytes_[at + 1] == '\n') || (bytes_[at] == '-' && bytes_[at + 1] == '-');
  return isEnd ? at : kNowhere;
}

}  // namespace lintel
