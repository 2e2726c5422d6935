// Reads a camera that gives one picture for each request over HTTP: it is fetched again and again.
#include "reader-snapshot.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "camera-picture.h"
#include "http-kind.h"
#include "part-splitter.h"

namespace lintel {
namespace {

using std::chrono::milliseconds;

constexpr size_t kReadBytes = 64 << 10;
/// Interval at which a waiting reader looks whether it was stopped.
constexpr milliseconds kLookEvery(20);
constexpr char kTooLarge[] = "the picture is larger than 16 MiB";
constexpr char kCutShort[] = "the connection ended before the picture did";
/// The last chunk of a PNG: its length, name and checksum.
constexpr unsigned char kPngEnd[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

}  // namespace

std::string SnapshotReader::open() {
  const std::string cause = fetch();
  return cause.empty() ? cause : "the picture could not be fetched: " + cause;
}

bool SnapshotReader::waitForTurn() {
  const Clock::time_point due = begun_ + milliseconds(options_.everyMs);
  while (!isStopped_) {
    const Clock::time_point now = Clock::now();
    if (now >= due) return true;
    std::this_thread::sleep_for(std::min<Clock::duration>(due - now, kLookEvery));
  }
  return false;
}

Grab SnapshotReader::grab() {
  if (std::exchange(isFirst_, false)) return Grab::picture;
  if (!waitForTurn()) return Grab::end;
  cause_ = fetch();
  wait_ = cause_.empty() ? "" : "no frame";
  if (cause_.empty()) return Grab::picture;
  return isStopped_ ? Grab::end : Grab::nothing;
}

std::string SnapshotReader::fetch() {
  begun_ = Clock::now();
  std::string cause = body_.open(options_.target);
  if (cause.empty()) cause = readPicture();
  body_.close();
  return cause;
}

std::string SnapshotReader::readPicture() {
  PartSplitter splitter(body_.contentType());
  std::vector<unsigned char> buffer(kReadBytes);
  std::vector<unsigned char> head;
  for (;;) {
    const size_t count = body_.read(buffer.data(), buffer.size());
    if (isStopped_) return "the attempt was given up";
    const auto end = buffer.begin() + static_cast<std::ptrdiff_t>(count);
    if (head.size() < kDecisiveBytes) head.insert(head.end(), buffer.begin(), end);
    if (startsAsPng(head)) return readPng(std::move(head));
    if (count == 0) splitter.end();
    splitter.add(buffer.data(), count);
    if (auto picture = splitter.next()) {
      // A body that ends within the picture has lost the rest of it on the way.
      if (count == 0 && !body_.describeEnd().empty()) return kCutShort;
      picture_ = std::move(picture->jpeg);
      return {};
    }
    if (splitter.isTooLarge()) return kTooLarge;
    const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
    const HttpKind kind = findHttpKind(body_.contentType(), text);
    const bool mayFollow = kind == HttpKind::pictures || kind == HttpKind::jpeg;
    if (count == 0) return mayFollow ? kCutShort : describeNoPicture(kind);
    if (!mayFollow && head.size() >= kDecisiveBytes) return describeNoPicture(kind);
  }
}

std::string SnapshotReader::readPng(std::vector<unsigned char> bytes) {
  std::vector<unsigned char> buffer(kReadBytes);
  const auto isComplete = [&bytes] {
    constexpr size_t kLength = sizeof kPngEnd;
    // Bytes behind the end are no part of the picture.
    return std::search(bytes.end() - static_cast<std::ptrdiff_t>(std::min(bytes.size(), kReadBytes + kLength)),
                       bytes.end(), kPngEnd, kPngEnd + kLength) != bytes.end();
  };
  while (!isComplete()) {
    if (bytes.size() > PartSplitter::kMostPictureBytes) return kTooLarge;
    const size_t count = body_.read(buffer.data(), buffer.size());
    if (count == 0) return kCutShort;
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  }
  picture_ = std::move(bytes);
  return {};
}

bool SnapshotReader::retrieve(Frame& frame) {
  const std::string problem = decodeToFrame(picture_, frame, format_, isStopped_);
  if (!problem.empty()) wait_ = describeUndecoded(problem);
  return problem.empty();
}

}  // namespace lintel
