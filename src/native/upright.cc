// Brings a camera's picture upright: rotates and mirrors it, and cuts out the part that is analysed.
#include "upright.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lintel {
namespace {

bool isOnItsSide(const Upright& how) { return how.rotate == 90 || how.rotate == 270; }

/// Converts fractions to pixels, at least one.
cv::Range pixels(double from, double to, int length) {
  const int begin = std::min(static_cast<int>(std::lround(from * length)), length - 1);
  return {begin, std::max(begin + 1, std::min(static_cast<int>(std::lround(to * length)), length))};
}

cv::Range mirrored(const cv::Range& range, int length) { return {length - range.end, length - range.start}; }

/// Finds the part in the picture as the camera gives it, so that only this part is rotated.
cv::Rect rawPart(const Upright& how, cv::Size raw) {
  const int width = isOnItsSide(how) ? raw.height : raw.width;
  const int height = isOnItsSide(how) ? raw.width : raw.height;
  cv::Range x = pixels(how.x0, how.x1, width);
  cv::Range y = pixels(how.y0, how.y1, height);
  if (how.flip == Upright::Flip::horizontal) x = mirrored(x, width);
  if (how.flip == Upright::Flip::vertical) y = mirrored(y, height);
  switch (how.rotate) {
    case 90:
      return {cv::Point(y.start, width - x.end), cv::Point(y.end, width - x.start)};
    case 180:
      return {cv::Point(width - x.end, height - y.end), cv::Point(width - x.start, height - y.start)};
    case 270:
      return {cv::Point(height - y.end, x.start), cv::Point(height - y.start, x.end)};
    default:
      return {cv::Point(x.start, y.start), cv::Point(x.end, y.end)};
  }
}

}  // namespace

// There are eight combinations; each takes one pass over the pixels, or two.
void turn(const cv::Mat& from, cv::Mat& to, const Upright& how) {
  const bool flips = how.flip != Upright::Flip::none;
  const int axis = how.flip == Upright::Flip::horizontal ? 1 : 0;
  switch (how.rotate) {
    case 90:
      cv::rotate(from, to, cv::ROTATE_90_CLOCKWISE);
      break;
    case 180:
      // Half a turn and mirroring along one axis equal mirroring along the other axis.
      cv::flip(from, to, flips ? 1 - axis : -1);
      return;
    case 270:
      cv::rotate(from, to, cv::ROTATE_90_COUNTERCLOCKWISE);
      break;
    default:
      cv::flip(from, to, axis);
      return;
  }
  if (flips) cv::flip(to, to, axis);
}

bool Upright::changesNothing() const {
  return rotate == 0 && flip == Flip::none && x0 <= 0 && y0 <= 0 && x1 >= 1 && y1 >= 1;
}

cv::Size Upright::findSize(cv::Size raw) const {
  if (raw.empty()) return raw;
  const cv::Size part = rawPart(*this, raw).size();
  return isOnItsSide(*this) ? cv::Size(part.height, part.width) : part;
}

std::shared_ptr<const Frame> upright(std::shared_ptr<const Frame> frame, const Upright& how, FramePool& pool) {
  const cv::Mat& whole = frame->pixels();
  if (how.changesNothing()) return frame;
  const cv::Mat part = whole(rawPart(how, whole.size()));
  std::shared_ptr<Frame> made;
  if (how.rotate == 0 && how.flip == Upright::Flip::none) {
    made = std::make_shared<Frame>();
    made->bgr = part;
  } else {
    made = pool.take();
    turn(part, made->bgr, how);
  }
  made->number = frame->number;
  made->capturedAtMs = frame->capturedAtMs;
  made->streamChanges = frame->streamChanges;
  // Where the pixels are shared, the frame must stay alive: the pool would write another picture into them.
  if (made->bgr.data == part.data) made->origin = std::move(frame);
  return made;
}

}  // namespace lintel
