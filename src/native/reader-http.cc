// Reads cameras over HTTP: MJPEG itself, and everything else through the reader of streams.
#include "reader-http.h"

#include <algorithm>
#include <utility>

#include "camera-picture.h"
#include "reader-libav.h"

namespace lintel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 64 << 10;
/// A picture for which the reader waited less than this was here before: it is older than it looks.
constexpr std::chrono::milliseconds kNoWait(1);
/// Number of pictures in a row without a wait from which they are skipped: the camera is faster than the decoding, and a
/// queue of old pictures has grown in the connection. Networks deliver two pictures at once now and then.
constexpr int kMostWithoutWait = 2;

}  // namespace

std::string HttpReader::open() {
  if (const std::string cause = body_->open(options_.target); !cause.empty()) {
    return "the stream could not be opened: " + cause;
  }
  splitter_.emplace(body_->contentType());
  buffer_.resize(kReadBytes);
  kind_ = findHttpKind(body_->contentType(), "");
  while (kind_ != HttpKind::pictures && head_.size() < kDecisiveBytes) {
    const size_t count = body_->read(buffer_.data(), kDecisiveBytes - head_.size());
    head_.append(reinterpret_cast<const char*>(buffer_.data()), count);
    kind_ = findHttpKind(body_->contentType(), head_);
    // A live stream may begin with few bytes, and pause after them.
    if (count == 0 || kind_ != HttpKind::other) break;
  }
  if (kind_ == HttpKind::pictures || kind_ == HttpKind::jpeg) return openPictures();
  if (kind_ == HttpKind::other) return openOther();
  return describeNoStream(kind_);
}

/// Lets FFmpeg read the body. A body of known length is a file or a playlist: FFmpeg opens it itself, since it may have
/// to read it in another order.
std::string HttpReader::openOther() {
  auto reader = std::make_unique<LibavReader>(options_, isStopped_);
  if (body_->lengthBytes() < 0) {
    reader->takeBody(std::move(body_), std::move(head_));
  } else {
    body_->close();
  }
  other_ = std::move(reader);
  return other_->open();
}

std::string HttpReader::openPictures() {
  bytes_ = static_cast<long long>(head_.size());
  splitter_->add(reinterpret_cast<const unsigned char*>(head_.data()), head_.size());
  if (kind_ != HttpKind::jpeg) return {};
  // Some cameras give joined JPEGs the type image/jpeg. They go on after the first one, and have no length.
  if (body_->lengthBytes() >= 0) return describeNoStream(kind_);
  while (!(ahead_ = splitter_->next())) {
    if (!readMore()) return describeNoStream(kind_);
  }
  return readMore() ? std::string() : describeNoStream(kind_);
}

bool HttpReader::readMore() {
  const Clock::time_point before = Clock::now();
  const size_t count = body_->read(buffer_.data(), buffer_.size());
  waited_ += Clock::now() - before;
  bytes_ += static_cast<long long>(count);
  if (count == 0) {
    splitter_->end();
    return false;
  }
  splitter_->add(buffer_.data(), count);
  return true;
}

Grab HttpReader::grab() {
  if (other_) return other_->grab();
  wait_.clear();
  waited_ = {};
  std::optional<PartPicture> next = ahead_ ? std::exchange(ahead_, std::nullopt) : splitter_->next();
  while (!next) {
    if (isStopped_ || splitter_->isTooLarge()) return Grab::end;
    const bool goesOn = readMore();
    next = splitter_->next();
    if (!next && !goesOn) return Grab::end;
  }
  picture_ = std::move(*next);
  pictures_++;
  stamps_.observe(picture_.timestampMs, Clock::now());
  waiting_ = waited_ < kNoWait ? waiting_ + 1 : 0;
  return waiting_ > kMostWithoutWait ? Grab::nothing : Grab::picture;
}

bool HttpReader::retrieve(Frame& frame) {
  if (other_) return other_->retrieve(frame);
  const std::string problem = decodeToFrame(picture_.jpeg, frame, format_, isStopped_);
  if (!problem.empty()) wait_ = describeUndecoded(problem);
  return problem.empty();
}

/// The time stamps of MJPEG are made when a picture is sent, and go on when the sensor has frozen: they prove nothing.
SourceClock HttpReader::clock() const { return other_ ? other_->clock() : SourceClock::none; }

std::string HttpReader::describeLoss() const {
  if (other_) return other_->describeLoss();
  if (splitter_->isTooLarge()) return "a picture of the stream is larger than 16 MiB";
  if (pictures_ == 0) return "the stream ended before its first picture";
  const std::string cause = body_->describeEnd();
  if (!cause.empty()) return "the stream was lost: " + cause;
  return pictures_ == 1 ? describeNoStream(HttpKind::jpeg) : "the stream ended";
}

}  // namespace lintel
