// Reads streams and files through FFmpeg's libraries. The format of each picture comes from the decoded picture.
#include "reader-libav.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>

#include "libav-log.h"

namespace lintel {
namespace {

/// Highest credible frame rate. A stream without one may declare the ticks of its time base.
constexpr double kMostFps = 1'000;
/// Longest side of a picture: OpenCV has 16-bit coordinates.
constexpr int kMostSidePx = 32'767;
/// A video stream that has been silent for this time is left for another one of the same source.
constexpr std::chrono::milliseconds kSilence(500);
/// FFmpeg reports lost packets before it gives the picture that they belong to, or the one before that.
constexpr int kLossyPackets = 2;

/// Returns true for a video stream that is more than the picture of a title.
bool isVideo(const AVStream& stream) {
  constexpr int still = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS;
  return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && (stream.disposition & still) == 0;
}

/// Returns true for a video whose codec is known and that is not left out.
bool isUsable(const AVStream& stream) {
  return isVideo(stream) && stream.codecpar->codec_id != AV_CODEC_ID_NONE && stream.discard != AVDISCARD_ALL;
}

}  // namespace

void prepareLibav() {
  listenToLibav();
  avformat_network_init();
}

LibavReader::LibavReader(const SourceOptions& options, const std::atomic<bool>& isStopped)
    : options_(options),
      isStopped_(isStopped),
      input_(options, isStopped),
      packet_(av_packet_alloc()),
      frame_(av_frame_alloc()) {
  if (!packet_ || !frame_) throw std::bad_alloc();
}

std::string LibavReader::open() {
  if (std::string problem = input_.open(); !problem.empty()) return problem;
  look();
  heardAt_ = Clock::now();
  // In some formats streams appear only with their first packet.
  const bool mayAppear = (input_.context().ctx_flags & AVFMTCTX_NOHEADER) != 0;
  if (index_ >= 0 || (mayAppear && undecodable_.empty())) return {};
  if (!undecodable_.empty()) return undecodable_;
  return options_.type == SourceOptions::Type::file ? "the file is no video that can be decoded"
                                                    : "the stream could not be opened: it holds no video";
}

/// Chooses the first video where none is chosen yet, and keeps FFmpeg from reading what is not needed.
void LibavReader::look() {
  AVFormatContext& context = input_.context();
  seen_ = context.nb_streams;
  for (int i = 0; i < static_cast<int>(context.nb_streams); i++) {
    AVStream& stream = *context.streams[i];
    const bool isOther = stream.codecpar->codec_type != AVMEDIA_TYPE_UNKNOWN && !isVideo(stream);
    // All variants of a playlist would be loaded.
    const bool isVariant = index_ >= 0 && i != index_ && input_.isSegmented();
    if (isOther || isVariant) stream.discard = AVDISCARD_ALL;
    if (index_ < 0 && isUsable(stream) && !choose(i)) stream.discard = AVDISCARD_ALL;
  }
}

/// Opens the decoder of a stream. @returns whether it can be decoded
bool LibavReader::choose(int index) {
  AVStream& stream = *input_.context().streams[index];
  if (const std::string problem = decoder_.open(stream); !problem.empty()) {
    undecodable_ = problem;
    return false;
  }
  index_ = index;
  heardAt_ = Clock::now();
  const AVRational rate = av_guess_frame_rate(&input_.context(), &stream, nullptr);
  const double fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
  fps_ = fps <= kMostFps ? fps : 0;
  return true;
}

Grab LibavReader::grab() {
  wait_.clear();
  while (!isStopped_) {
    if (decoder_.isOpen()) {
      const Grab received = receive();
      if (received != Grab::nothing) return received;
    }
    if (isDraining_) return Grab::end;
    const LibavListener listener(nullptr);
    av_packet_unref(packet_.get());
    const int error = input_.read(*packet_);
    if (listener.hasLoss()) lossy_ = kLossyPackets;
    if (error == AVERROR(EAGAIN)) continue;
    if (error < 0) {
      finish(error);
    } else if (const Grab decoded = decode(); decoded != Grab::picture) {
      return decoded;
    }
  }
  return Grab::end;
}

/// Gives the packet to the decoder. @returns `nothing` for a packet that is none of the video, else `picture`
Grab LibavReader::decode() {
  AVFormatContext& context = input_.context();
  if (index_ < 0 || context.nb_streams != seen_) look();
  const int index = packet_->stream_index;
  AVStream& stream = *context.streams[index];
  if (index != index_) {
    // The stream may go on as another one, for instance with another codec. The times of a file say nothing about this.
    const bool isSilent = index_ >= 0 && Clock::now() - heardAt_ >= kSilence;
    if (options_.type == SourceOptions::Type::file || !isSilent || !isUsable(stream) || !choose(index)) {
      if (index_ < 0) wait_ = undecodable_.empty() ? "no video came, only sound or data" : undecodable_;
      return Grab::nothing;
    }
  }
  heardAt_ = Clock::now();
  if (!decoder_.suits(stream) && !choose(index)) {
    wait_ = undecodable_;
    return Grab::nothing;
  }
  decoder_.send(packet_.get(), lossy_ > 0);
  if (lossy_ > 0) lossy_--;
  return Grab::picture;
}

/// Takes the last pictures out of the decoder.
void LibavReader::finish(int error) {
  endError_ = error;
  isDraining_ = true;
  if (decoder_.isOpen()) decoder_.send(nullptr, false);
}

Grab LibavReader::receive() {
  switch (decoder_.receive(*frame_)) {
    case LibavDecoder::Received::picture:
      if (readPicture()) return Grab::picture;
      break;
    case LibavDecoder::Received::damaged:
      wait_ = "only damaged pictures came";
      if (!decoder_.damageText().empty()) wait_ += " (" + decoder_.damageText() + ")";
      break;
    case LibavDecoder::Received::nothing:
      return Grab::nothing;
    case LibavDecoder::Received::end:
      return Grab::end;
  }
  return Grab::damaged;
}

/// Finds the display matrix of the current picture. One that a picture brings holds until the next key picture; the one
/// of the container holds where no picture brings one.
const uint8_t* LibavReader::findMatrix() {
  if (const uint8_t* matrix = findFrameMatrix(*frame_); matrix != nullptr) {
    matrix_.assign(matrix, matrix + kMatrixLength * sizeof(int32_t));
  } else if (isKeyFrame(*frame_)) {
    matrix_.clear();
  }
  return matrix_.empty() ? findStreamMatrix(*input_.context().streams[index_]) : matrix_.data();
}

/// Reads what a decoded frame says about itself. @returns false where it cannot be used
bool LibavReader::readPicture() {
  const AVFrame& frame = *frame_;
  format_ = LibavPicture::readFormat(frame, decoder_.name(), decoder_.isIntraOnly(), findMatrix());
  if (frame.width < 1 || frame.height < 1 || frame.width > kMostSidePx || frame.height > kMostSidePx) {
    wait_ = "only pictures of an impossible size came";
    return false;
  }
  if (!LibavPicture::canConvert(frame)) {
    wait_ = "only pictures in a pixel format that cannot be converted came (" + format_.pixelFormat + ")";
    return false;
  }
  isInterlaced_ = isInterlacedFrame(frame);
  const int64_t time = frame.best_effort_timestamp;
  hasTime_ = time != AV_NOPTS_VALUE;
  const double timeMs = hasTime_ ? 1000 * static_cast<double>(time) * av_q2d(input_.context().streams[index_]->time_base) : 0;
  timestampMs_ = std::max(0.0, timeMs);
  if (fps_ == 0) {
    const AVRational rate = decoder_.context().framerate;
    const double fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    fps_ = fps <= kMostFps ? fps : 0;
  }
  return true;
}

SourceClock LibavReader::clock() const {
  if (!hasTime_ || !input_.hasTimestamps()) return SourceClock::none;
  return input_.isSegmented() ? SourceClock::segments : SourceClock::live;
}

bool LibavReader::retrieve(Frame& frame) {
  const bool canView = LibavPicture::canView(*frame_);
  const auto picture = std::make_shared<LibavPicture>(*frame_, format_, converter_);
  if (canView) {
    frame.raw = picture;
    return true;
  }
  try {
    picture->convert(frame.bgr);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string LibavReader::describeLoss() const {
  if (!undecodable_.empty()) return undecodable_;
  if (options_.type == SourceOptions::Type::file) return "the file holds no picture that can be decoded";
  return endError_ == AVERROR_EOF ? "the stream ended" : "the stream was lost: " + describeLibavError(endError_);
}

}  // namespace lintel
