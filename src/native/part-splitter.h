// Splits the body of an MJPEG stream into pictures, whatever its parts look like.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lintel {

/// One picture of a stream, as the camera sent it.
struct PartPicture {
  /// Bytes from the marker SOI to the marker EOI. Where the camera sends no EOI, or the picture is cut short, to the end of the
  /// part.
  std::vector<unsigned char> jpeg;
  /// Value of the header X-Timestamp in milliseconds; absent where the part has none that can be read.
  std::optional<double> timestampMs;
};

/// Finds the pictures by the structure of their JPEG data. So it needs no boundary, no type and no length of a part, and
/// a thumbnail inside Exif data does not end a picture. A boundary line ends a picture that was cut short. Parts of
/// another type and bytes between the parts are skipped. Memory is bounded by the largest picture.
class PartSplitter {
 public:
  /// Most bytes of one picture. A picture of 3840 x 2160 px at the best quality has 4 to 12 MB.
  static constexpr size_t kMostPictureBytes = 16u << 20;

  /// @param contentType value of the answer's header Content-Type, from which the boundary is read; may be empty
  explicit PartSplitter(std::string_view contentType);

  /// Adds the bytes that came next, which may end at any place.
  void add(const unsigned char* bytes, size_t length);
  /// Says that no more bytes will come.
  void end() { isEnded_ = true; }
  /// Returns the next picture; absent until more bytes are added.
  std::optional<PartPicture> next();
  /// True after a picture grew beyond kMostPictureBytes; no picture comes after that.
  bool isTooLarge() const { return state_ == State::tooLarge; }

 private:
  enum class State { between, headers, picture, tooLarge };
  /// Where a picture may begin between two boundary lines.
  enum class Begin { anywhere, atOnce, nowhere };

  /// Each of these reads on from `at_`. @returns false where it needs more bytes
  bool readBetween();
  bool readHeader();
  bool readPicture();

  bool startsPicture(size_t at) const;
  bool readBoundary(size_t at, bool isLineStart);
  void beginPart();
  void takeHeader(std::string_view name, std::string_view value);
  void endHeaders();
  void beginPicture();
  void endPicture(size_t end);
  bool readPiece(size_t to);
  size_t findBoundary();
  size_t findLengthEnd() const;
  size_t findLineEnd(size_t from, size_t to) const;
  size_t rest(size_t at) const { return bytes_.size() - at; }
  std::string_view text(size_t from, size_t to) const;

  std::vector<unsigned char> bytes_;
  /// Position of the first byte that was not read yet. In a picture, the picture begins at `start_` before it.
  size_t at_ = 0;
  size_t start_ = 0;
  bool isEnded_ = false;
  State state_ = State::between;
  Begin begin_ = Begin::anywhere;
  /// Position up to which the picture was searched for a boundary, and end of its current segment.
  size_t searched_ = 0;
  size_t segmentEnd_ = 0;
  bool atLineStart_ = true;
  bool hasBoundaries_ = false;
  /// The boundary without the dashes before it; empty where none is known.
  std::string token_;
  std::string type_;
  std::optional<size_t> lengthBytes_;
  std::optional<double> timestampMs_;
  std::optional<PartPicture> done_;
};

/// Returns the media type of a header Content-Type in lower case, without its parameters.
std::string readMediaType(std::string_view contentType);

}  // namespace lintel
