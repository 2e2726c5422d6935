// One source of frames: a thread that reads it, a thread that watches the reading, and the slot with the newest frame.
#pragma once

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
#include "source.h"
#include "statistics.h"
#include "upright.h"

namespace lintel {

enum class CaptureStatus { opening, running, ended, failed, closed };

/// Of the newest picture, as the source gives it.
struct PictureState {
  int rawWidthPx = 0;
  int rawHeightPx = 0;
  /// Measured a few times a second.
  PictureStatistics look;
  /// So many frames before this one were the very same picture, the first of them so long ago.
  int64_t unchangedFrames = 0;
  double unchangedMs = 0;
  /// For so long the pictures have shown the same, but for what an encoder does to them.
  double stillMs = 0;
  /// On a clock that is never set.
  double arrivedMs = 0;
  /// As the source says; absent where it does not.
  std::optional<double> timestampMs;
  /// Frames whose time stamp was not later than that of the one before.
  int64_t timestampFaults = 0;
};

struct CaptureState {
  CaptureStatus status = CaptureStatus::opening;
  std::string error;
  int64_t frameNumber = 0;
  int64_t dropped = 0;
  int widthPx = 0;
  int heightPx = 0;
  double fps = 0;
  /// Absent before the first frame.
  std::optional<PictureState> picture;
};

/// Safe to use from every thread. Both its threads hold it, so it outlives a reader that is stuck in a library.
class Capture : public std::enable_shared_from_this<Capture> {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param onChange called on a thread of the capture after a new frame or status; must not block
  Capture(SourceOptions options, Upright how, std::function<void()> onChange);

  /// Starts the threads. @throws std::system_error
  void start();
  CaptureState state() const;
  const Upright& how() const { return how_; }
  /// The newest frame if its number is greater than `after`; a frame so taken is not counted as dropped.
  std::shared_ptr<const Frame> take(int64_t after);
  /// Stops reading. `done` is called when the reader has been joined, or has overstayed its time-out and is left to
  /// itself: on a thread of the capture, or at once where there is none any more.
  void close(std::function<void()> done);
  /// Whether the threads have ended by then.
  bool endedBy(Clock::time_point time);
  /// Fails without having been started.
  void refuse(const std::string& error);
  /// Closed, but its reader is still stuck in a library, with the same source as these options open.
  bool blocks(const SourceOptions& options) const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  // On the reading thread:
  void read();
  void readSource();
  void skipBuffered(cv::VideoCapture& video);
  bool readFrames(cv::VideoCapture& video);
  bool waitForTurn();
  void look(const Frame& frame, Clock::time_point arrived, double timestampMs);
  void publish(std::shared_ptr<Frame> frame);

  // On the watching thread:
  void watch();
  void callClosers(Lock& lock);

  /// From now on a frame (or the opening) is overdue after so long, unless that was already said.
  void expect(int timeoutMs, const char* words);
  /// Nothing is overdue while the reader waits on purpose.
  void expectNothing();
  void finish(CaptureStatus status, const std::string& error);
  bool stopping() const;

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
  bool readerDone_ = false;
  bool watcherDone_ = false;
  bool abandoned_ = false;
  /// When the frame that is awaited is overdue, and what is then said; and for when the watcher has set its alarm.
  std::optional<Clock::time_point> overdueAt_;
  std::string overdueWords_;
  Clock::time_point alarm_ = Clock::time_point::min();
  Clock::time_point abandonAt_;
  std::vector<std::function<void()>> closers_;

  // Of the reading thread alone:
  /// When the next frame of a file is due.
  Clock::time_point due_;
  std::shared_ptr<const Frame> previous_;
  PictureState picture_;
  Clock::time_point unchangedSince_;
  /// The picture since when they show the same.
  ReducedPicture still_;
  Clock::time_point stillSince_;
  Clock::time_point measuredAt_ = Clock::time_point::min();
  bool timestampsMove_ = false;
};

}  // namespace lintel
