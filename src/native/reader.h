// The interface of everything that reads pictures: devices, pipelines, streams and files.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "frame.h"
#include "source.h"

namespace lintel {

/// What one call of Reader::grab brought.
enum class Grab {
  /// A picture, which retrieve() takes.
  picture,
  /// A picture that is damaged, or rests on one that is missing. It is skipped.
  damaged,
  /// No picture. The next call may bring one.
  nothing,
  /// No picture, and no later call will bring one.
  end,
};

/// Geometry and coding of a picture. A change of any part in the middle of a stream counts as a change of the stream.
struct StreamFormat {
  /// Names as FFmpeg has them, such as h264 and yuv420p; empty where the reader does not know them.
  std::string codec;
  std::string pixelFormat;
  /// Size after the rotation that the stream asks for.
  int widthPx = 0;
  int heightPx = 0;
  /// Clockwise rotation that the stream asks for, and that the reader makes; then mirroring from left to right.
  int rotate = 0;
  bool isMirrored = false;
  /// True where the brightness goes from 0 to 255, false where it goes from 16 to 235.
  bool isFullRange = true;

  bool operator==(const StreamFormat& other) const {
    return codec == other.codec && pixelFormat == other.pixelFormat && widthPx == other.widthPx &&
           heightPx == other.heightPx && rotate == other.rotate && isMirrored == other.isMirrored &&
           isFullRange == other.isFullRange;
  }
  bool operator!=(const StreamFormat& other) const { return !(*this == other); }
};

/// Meaning of the presentation times of a source.
enum class SourceClock {
  /// Nothing: there are none, or the reader makes them up.
  none,
  /// The pictures come in segments of some seconds: the times go on where the source lives, but each picture is late.
  segments,
  /// When the pictures were taken, by the clock of the source.
  live,
};

/// Reads the pictures of one source. One thread uses it. Nothing of a picture is taken from the opening: its format
/// comes with it.
class Reader {
 public:
  virtual ~Reader() = default;

  /// Blocks until the source is open. @returns an empty string, or why it did not open, in words without the target,
  /// which may contain a password
  virtual std::string open() = 0;
  /// Reads the next picture without converting it, and blocks until there is one. After `end` it is not called again.
  virtual Grab grab() = 0;
  /// Puts the grabbed picture into a frame of the pool: `raw` or `bgr`. @returns false where it cannot be decoded
  virtual bool retrieve(Frame& frame) = 0;

  /// The rest is about the picture that was grabbed or retrieved last.

  /// Format of the picture; valid after retrieve().
  virtual StreamFormat format() const = 0;
  /// Returns the presentation time in milliseconds, from any origin of the source; 0 where it has none.
  virtual double timestampMs() const { return 0; }
  /// Returns what the presentation times say.
  virtual SourceClock clock() const { return SourceClock::none; }
  /// Returns true where the picture holds two fields that were taken at different times.
  virtual bool isInterlaced() const { return false; }
  /// Returns the frame rate that the source declares; 0 where it declares none.
  virtual double fps() const { return 0; }
  /// Says why no picture has come since the last one, such as "only damaged pictures came", for the error of a time-out;
  /// empty where nothing came at all.
  virtual std::string describeWait() const { return {}; }
  /// Says what caused that, to stand behind it after a colon; empty where nothing is known.
  virtual std::string describeCause() const { return {}; }
  /// Describes why a source that was open gives no more pictures.
  virtual std::string describeLoss() const = 0;
};

/// Loads the library of a source's reader on the calling thread. A process crashes that ends while another of its threads
/// loads a library, so the thread that opens a capture does this before the capture's own thread begins.
void loadReaderLibrary(const SourceOptions& options);

/// Makes the reader of a source.
/// @param isStopped becomes true when the reader must give up what it waits for; must live longer than the reader
std::unique_ptr<Reader> makeReader(const SourceOptions& options, const std::atomic<bool>& isStopped);

}  // namespace lintel
