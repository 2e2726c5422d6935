// A capture: a thread that reads the source, a thread that watches the reader, and a slot for the newest frame.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "frame.h"
#include "reader.h"
#include "source.h"
#include "statistics.h"
#include "upright.h"

namespace lintel {

enum class CaptureStatus { opening, running, ended, failed, closed };

/// Measurements of the newest picture, before it is rotated and cropped.
struct PictureState {
  int rawWidthPx = 0;
  int rawHeightPx = 0;
  /// Brightness and detail, measured a few times a second.
  PictureStatistics look;
  /// Number of frames before this one that were identical to it, byte for byte, and the time that they lasted.
  int64_t unchangedFrames = 0;
  double unchangedMs = 0;
  /// Time for which the pictures have shown the same, apart from changes that a video encoder makes to a still picture.
  double stillMs = 0;
  /// Arrival on the monotonic clock.
  double arrivedMs = 0;
  /// Presentation time that the source gives; absent where it gives none.
  std::optional<double> timestampMs;
  /// Number of frames whose presentation time was not later than that of the frame before.
  int64_t timestampFaults = 0;
  SourceClock clock = SourceClock::none;
  bool isInterlaced = false;
};

struct CaptureState {
  CaptureStatus status = CaptureStatus::opening;
  std::string error;
  int64_t frameNumber = 0;
  int64_t dropped = 0;
  /// Number of pictures that were skipped because they are damaged, or rest on one that is missing.
  int64_t damaged = 0;
  /// Number of times that the format of the pictures changed.
  int64_t streamChanges = 0;
  /// Format of the newest picture.
  StreamFormat format;
  int widthPx = 0;
  int heightPx = 0;
  double fps = 0;
  /// Absent before the first frame.
  std::optional<PictureState> picture;
};

/// Can be used from every thread. Both its threads hold it, so it lives at least as long as a reader that hangs in a
/// library.
class Capture : public std::enable_shared_from_this<Capture> {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param onChange called on a thread of the capture after a new frame or a new status; it must not block
  Capture(SourceOptions options, Upright how, std::function<void()> onChange);

  /// Starts the threads. @throws std::system_error
  void start();
  CaptureState state() const;
  const Upright& how() const { return how_; }
  /// Returns the newest frame if its number is greater than `after`, else null. A frame that was taken does not count
  /// as dropped.
  std::shared_ptr<const Frame> take(int64_t after);
  /// Stops reading. `done` is called when the reader has been joined, or when it hangs beyond its time-out and is
  /// abandoned: on a thread of the capture, or at once where the threads have already ended.
  void close(std::function<void()> done);
  /// Waits until the threads have ended, at most until `time`. @returns true where they have ended
  bool waitForEnd(Clock::time_point time);
  /// Sets the status `failed` for a capture that is not started.
  void refuse(const std::string& error);
  /// Returns true for a closed capture whose reader still hangs in a library with the same source open.
  bool blocks(const SourceOptions& options) const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  // Run on the reading thread:
  void read();
  void readSource();
  bool skipBuffered(Reader& reader);
  bool readFrames(Reader& reader);
  void noteMiss(const Reader& reader, Grab grab);
  bool waitForTurn();
  bool waitForTime(double timestampMs);
  void look(const Frame& frame, Clock::time_point arrived, double timestampMs);
  void publish(std::shared_ptr<Frame> frame, const StreamFormat& format);

  // Run on the watching thread:
  void watch();
  void callClosers(Lock& lock);

  /// Starts the time-out for the next frame or for the opening, unless one is already running. @param words start
  /// of the error
  void expect(int timeoutMs, const char* words);
  /// Ends the time-out.
  void expectNothing();
  void finish(CaptureStatus status, const std::string& error);
  bool stopping() const;
  void stopReader();

  const SourceOptions options_;
  const Upright how_;
  const std::function<void()> onChange_;
  const std::shared_ptr<FramePool> pool_;

  mutable std::mutex mutex_;
  std::condition_variable readerWakes_;
  std::condition_variable watcherWakes_;
  CaptureState state_;
  std::shared_ptr<const Frame> newest_;
  bool taken_ = false;
  bool stopping_ = false;
  /// The same as stopping_, for the reader, which looks at it without the lock.
  std::atomic<bool> readerStops_{false};
  bool readerDone_ = false;
  bool watcherDone_ = false;
  bool abandoned_ = false;
  /// End of the time-out, the error that it causes, and the time at which the watcher wakes up.
  std::optional<Clock::time_point> overdueAt_;
  std::string overdueWords_;
  int overdueMs_ = 0;
  Clock::time_point alarm_ = Clock::time_point::min();
  Clock::time_point abandonAt_;
  std::vector<std::function<void()>> closers_;

  // Used by the reading thread alone:
  /// Time at which the next frame of a file is due.
  Clock::time_point due_;
  /// Arrival and time stamp of the first picture of segments that are played at their own rate.
  Clock::time_point firstAt_;
  double firstTimestampMs_ = 0;
  std::shared_ptr<const Frame> previous_;
  PictureState picture_;
  Clock::time_point unchangedSince_;
  /// First of the pictures that show the same as the newest one.
  ReducedPicture still_;
  Clock::time_point stillSince_;
  Clock::time_point measuredAt_ = Clock::time_point::min();
  bool timestampsMove_ = false;
};

}  // namespace lintel
