// A capture: a thread that reads the source, a thread that watches the reader, and a slot for the newest frame.
#include "capture.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace lintel {
namespace {

using std::chrono::milliseconds;

/// Frame rate of a file that declares none.
constexpr double kUsualFps = 25;
/// Time beyond its time-out that a reader gets when it is closed. After that its thread is abandoned.
constexpr milliseconds kGrace(500);
/// Most frames at the beginning of a stream that are skipped: five seconds at 50 frames per second.
constexpr int kMostBuffered = 250;
/// Delay from which the pictures of segments count anew, and the longest time that one of them is kept before it is due:
/// a stream begins three segments before its end, of 10 s at most.
constexpr milliseconds kMostLate(500);
constexpr milliseconds kLongestSegment(30'000);
/// Interval between two measurements of a picture.
constexpr milliseconds kMeasureEvery(200);

int64_t wallClockMs() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double toMilliseconds(Capture::Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

Capture::Capture(SourceOptions options, Upright how, std::function<void()> onChange)
    : options_(std::move(options)), how_(how), onChange_(std::move(onChange)), pool_(std::make_shared<FramePool>()) {}

void Capture::start() {
  std::thread([self = shared_from_this()] { self->watch(); }).detach();
}

CaptureState Capture::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

bool Capture::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

/// Makes the reader give up what it waits for. The lock is held.
void Capture::stopReader() {
  stopping_ = true;
  readerStops_ = true;
}

std::shared_ptr<const Frame> Capture::take(int64_t after) {
  std::lock_guard lock(mutex_);
  if (!newest_ || newest_->number <= after) return nullptr;
  taken_ = true;
  readerWakes_.notify_all();
  return newest_;
}

void Capture::close(std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    if (state_.status != CaptureStatus::closed) {
      state_.status = CaptureStatus::closed;
      state_.error.clear();
      newest_.reset();
      stopReader();
      abandonAt_ = std::max(Clock::now(), overdueAt_.value_or(Clock::time_point::min())) + kGrace;
    }
    if (!watcherDone_) {
      closers_.push_back(std::move(done));
      readerWakes_.notify_all();
      watcherWakes_.notify_all();
      done = nullptr;
    }
  }
  onChange_();
  if (done) done();
}

bool Capture::waitForEnd(Clock::time_point time) {
  Lock lock(mutex_);
  return watcherWakes_.wait_until(lock, time, [this] { return watcherDone_; });
}

void Capture::refuse(const std::string& error) {
  {
    std::lock_guard lock(mutex_);
    watcherDone_ = true;
  }
  finish(CaptureStatus::failed, error);
}

bool Capture::blocks(const SourceOptions& options) const {
  std::lock_guard lock(mutex_);
  return abandoned_ && !watcherDone_ && options.type == options_.type && options.target == options_.target;
}

void Capture::finish(CaptureStatus status, const std::string& error) {
  {
    std::lock_guard lock(mutex_);
    if (state_.status != CaptureStatus::opening && state_.status != CaptureStatus::running) return;
    state_.status = status;
    state_.error = error;
  }
  onChange_();
}

void Capture::expect(int timeoutMs, const char* words) {
  std::lock_guard lock(mutex_);
  if (overdueAt_) return;
  overdueAt_ = Clock::now() + milliseconds(timeoutMs);
  overdueWords_ = words + std::to_string(timeoutMs) + " ms";
  overdueMs_ = timeoutMs;
  if (*overdueAt_ < alarm_) watcherWakes_.notify_all();
}

void Capture::expectNothing() {
  std::lock_guard lock(mutex_);
  overdueAt_.reset();
}

void Capture::read() {
  try {
    readSource();
  } catch (const cv::Exception& error) {
    finish(CaptureStatus::failed, "OpenCV: " + error.err);
  } catch (const std::exception& error) {
    finish(CaptureStatus::failed, error.what());
  } catch (...) {
    finish(CaptureStatus::failed, "an unknown C++ exception");
  }
  std::lock_guard lock(mutex_);
  readerDone_ = true;
  watcherWakes_.notify_all();
}

void Capture::readSource() {
  due_ = Clock::now();
  do {
    const std::unique_ptr<Reader> reader = makeReader(options_, readerStops_);
    expectNothing();
    expect(options_.openTimeoutMs, "it could not be opened within ");
    if (const std::string error = reader->open(); !error.empty()) return finish(CaptureStatus::failed, error);
    expectNothing();
    const bool any = readFrames(*reader);
    if (stopping()) return;
    previous_.reset();
    if (options_.type != SourceOptions::Type::file || !any) {
      return finish(CaptureStatus::failed, reader->describeLoss());
    }
  } while (options_.loop);
  finish(CaptureStatus::ended, "");
}

/// Skips the pictures that were buffered before the stream was opened, up to several seconds: they are old, but would
/// count as live. They come faster than their presentation times say. @returns true where a live picture was grabbed
bool Capture::skipBuffered(Reader& reader) {
  std::optional<Clock::time_point> before;
  double timestampMs = 0;
  for (int skipped = 0; skipped < kMostBuffered && !stopping();) {
    expect(options_.readTimeoutMs, "no frame for ");
    const Grab grab = reader.grab();
    if (grab == Grab::end) return false;
    if (grab != Grab::picture) {
      noteMiss(reader, grab);
      continue;
    }
    if (reader.clock() != SourceClock::live) return true;
    const double next = reader.timestampMs();
    const Clock::time_point now = Clock::now();
    if (before && toMilliseconds(now - *before) >= (next - timestampMs) / 2) return true;
    before = now;
    timestampMs = next;
    skipped++;
    expectNothing();
  }
  return false;
}

bool Capture::readFrames(Reader& reader) {
  bool any = false;
  bool isGrabbed = options_.type == SourceOptions::Type::url && skipBuffered(reader);
  while (waitForTurn()) {
    expect(options_.readTimeoutMs, "no frame for ");
    const Grab grab = isGrabbed ? Grab::picture : reader.grab();
    isGrabbed = false;
    if (grab == Grab::end) break;
    if (grab != Grab::picture) {
      noteMiss(reader, grab);
      continue;
    }
    if (reader.clock() == SourceClock::segments && !waitForTime(reader.timestampMs())) break;
    const int64_t capturedAtMs = wallClockMs();
    const Clock::time_point arrived = Clock::now();
    std::shared_ptr<Frame> frame = pool_->take();
    // A picture that cannot be decoded is skipped. If no other one comes, the read time-out ends the capture.
    if (!reader.retrieve(*frame)) {
      noteMiss(reader, Grab::damaged);
      continue;
    }
    frame->capturedAtMs = capturedAtMs;
    any = true;
    look(*frame, arrived, reader.timestampMs());
    picture_.clock = reader.clock();
    picture_.isInterlaced = reader.isInterlaced();
    // After a pause of the whole machine the file continues from its place, and does not play faster to catch up.
    const double fps = reader.fps();
    const std::chrono::duration<double> period(1 / (fps > 0 ? fps : kUsualFps));
    due_ = std::max(due_ + std::chrono::duration_cast<Clock::duration>(period), Clock::now() - std::chrono::seconds(1));
    {
      std::lock_guard lock(mutex_);
      state_.fps = fps;
    }
    publish(std::move(frame), reader.format());
  }
  return any;
}

/// Counts a damaged picture, and keeps what the error of a time-out will say.
void Capture::noteMiss(const Reader& reader, Grab grab) {
  const std::string words = reader.describeWait();
  const std::string cause = reader.describeCause();
  std::lock_guard lock(mutex_);
  if (grab == Grab::damaged) state_.damaged++;
  if (!overdueAt_ || words.empty()) return;
  overdueWords_ = words + " for " + std::to_string(overdueMs_) + " ms" + (cause.empty() ? "" : ": " + cause);
}

void Capture::look(const Frame& frame, Clock::time_point arrived, double timestampMs) {
  const bool isSame = previous_ && isSamePicture(*previous_, frame);
  if (!isSame) unchangedSince_ = arrived;
  picture_.unchangedFrames = isSame ? picture_.unchangedFrames + 1 : 0;
  picture_.unchangedMs = toMilliseconds(arrived - unchangedSince_);
  picture_.arrivedMs = toMilliseconds(arrived.time_since_epoch());
  picture_.rawWidthPx = frame.size().width;
  picture_.rawHeightPx = frame.size().height;
  if (measuredAt_ == Clock::time_point::min() || arrived - measuredAt_ >= kMeasureEvery) {
    ReducedPicture reduced = reducePicture(frame.luma());
    picture_.look = measurePicture(reduced);
    if (!isStillPicture(still_, reduced)) {
      still_ = std::move(reduced);
      stillSince_ = arrived;
    }
    picture_.stillMs = toMilliseconds(arrived - stillSince_);
    measuredAt_ = arrived;
  }
  // A source without presentation times always gives 0.
  const double before = picture_.timestampMs.value_or(0);
  if (timestampMs > before) {
    timestampsMove_ = true;
    picture_.timestampMs = timestampMs;
  } else if (timestampsMove_) {
    picture_.timestampFaults++;
    picture_.timestampMs = timestampMs;
  }
}

/// Waits until a picture of a segment is due: the pictures of a segment come all at once, and only the newest would be
/// seen. They are played at their own rate from the first one on. @returns false where the capture was closed meanwhile
bool Capture::waitForTime(double timestampMs) {
  const Clock::time_point now = Clock::now();
  const auto behindFirst = std::chrono::duration<double, std::milli>(timestampMs - firstTimestampMs_);
  Clock::time_point due = firstAt_ + std::chrono::duration_cast<Clock::duration>(behindFirst);
  // A picture that is late, or whose time stamp jumped, is the first one of a new count.
  if (due < now - kMostLate || due > now + kLongestSegment) {
    firstAt_ = due = now;
    firstTimestampMs_ = timestampMs;
  }
  expectNothing();
  Lock lock(mutex_);
  readerWakes_.wait_until(lock, due, [this] { return stopping_; });
  return !stopping_;
}

bool Capture::waitForTurn() {
  Lock lock(mutex_);
  if (options_.lockstep()) {
    readerWakes_.wait(lock, [this] { return stopping_ || !newest_ || taken_; });
  } else if (options_.paced()) {
    readerWakes_.wait_until(lock, due_, [this] { return stopping_; });
  }
  return !stopping_;
}

void Capture::publish(std::shared_ptr<Frame> frame, const StreamFormat& format) {
  std::shared_ptr<const Frame> previous;
  {
    std::lock_guard lock(mutex_);
    overdueAt_.reset();
    // The capture failed or was closed while this frame was being read: the frame is too late.
    if (stopping_) return;
    if (newest_ && !taken_) state_.dropped++;
    if (state_.frameNumber > 0 && format != state_.format) state_.streamChanges++;
    state_.format = format;
    frame->number = ++state_.frameNumber;
    frame->streamChanges = state_.streamChanges;
    state_.status = CaptureStatus::running;
    const cv::Size size = how_.findSize(frame->size());
    state_.widthPx = size.width;
    state_.heightPx = size.height;
    state_.picture = picture_;
    previous_ = frame;
    // The old frame is kept until the lock is released: if this is its last holder, freeing a large frame takes time.
    previous = std::exchange(newest_, std::move(frame));
    taken_ = false;
  }
  onChange_();
}

void Capture::watch() {
  std::thread reader;
  try {
    reader = std::thread([self = shared_from_this()] { self->read(); });
  } catch (const std::system_error&) {
    finish(CaptureStatus::failed, "no thread could be started");
  }
  Lock lock(mutex_);
  while (reader.joinable() && !readerDone_) {
    if (!stopping_ && overdueAt_ && Clock::now() >= *overdueAt_) {
      stopReader();
      readerWakes_.notify_all();
      const std::string words = overdueWords_;
      lock.unlock();
      finish(CaptureStatus::failed, words);
      lock.lock();
      continue;
    }
    if (!closers_.empty() && Clock::now() >= abandonAt_) {
      abandoned_ = true;
      callClosers(lock);
      continue;
    }
    alarm_ = Clock::time_point::max();
    if (!stopping_ && overdueAt_) alarm_ = *overdueAt_;
    if (!closers_.empty()) alarm_ = std::min(alarm_, abandonAt_);
    if (alarm_ == Clock::time_point::max()) {
      watcherWakes_.wait(lock);
    } else {
      watcherWakes_.wait_until(lock, alarm_);
    }
  }
  lock.unlock();
  if (reader.joinable()) reader.join();
  lock.lock();
  watcherDone_ = true;
  watcherWakes_.notify_all();
  callClosers(lock);
}

void Capture::callClosers(Lock& lock) {
  const std::vector<std::function<void()>> closers = std::exchange(closers_, {});
  lock.unlock();
  for (const auto& closer : closers) closer();
  lock.lock();
}

}  // namespace lintel
