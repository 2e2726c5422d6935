// Decodes the packets of one stream with FFmpeg's libavcodec, and finds out which pictures can be trusted.
#include "libav-decoder.h"

#include <cerrno>
#include <new>

#include "libav-log.h"

namespace lintel {
namespace {

/// Largest picture, 8192 x 8192: a stream must not take any amount of memory.
constexpr int64_t kMostPixels = int64_t{8192} * 8192;

bool isIntraOnlyCodec(AVCodecID id) {
  const AVCodecDescriptor* description = avcodec_descriptor_get(id);
  return description != nullptr && (description->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
}

/// Chooses the decoder of a codec: FFmpeg's own, which works on the processor. A decoder in hardware would be chosen
/// here, by its name, such as h264_v4l2m2m; none has been tried.
const AVCodec* chooseDecoder(AVCodecID id) { return avcodec_find_decoder(id); }

}  // namespace

std::string LibavDecoder::open(const AVStream& stream) {
  const AVCodecID id = stream.codecpar->codec_id;
  const std::string name = avcodec_get_name(id);
  codec_.reset();
  trust_.restart();
  const AVCodec* decoder = chooseDecoder(id);
  if (decoder == nullptr) return "the video is coded as " + name + ", for which this FFmpeg has no decoder";
  codec_.reset(avcodec_alloc_context3(decoder));
  if (!codec_) throw std::bad_alloc();
  const std::string failure = "the decoder for " + name + " cannot be opened";
  if (avcodec_parameters_to_context(codec_.get(), stream.codecpar) < 0) return failure;
  codec_->pkt_timebase = stream.time_base;
  codec_->max_pixels = kMostPixels;
  // One thread adds no delay and takes less processor time in total; each camera has its own thread already.
  codec_->thread_count = 1;
  // Damaged pictures come out as well, marked, so that they can be counted.
  codec_->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  // Codecs of single pictures, such as JPEG, mark no damage: they report it as an error only with this flag.
  if (isIntraOnlyCodec(id)) codec_->err_recognition |= AV_EF_EXPLODE;
  prepareNumbering(*codec_);
  if (avcodec_open2(codec_.get(), decoder, nullptr) < 0) {
    codec_.reset();
    return failure;
  }
  return {};
}

bool LibavDecoder::suits(const AVStream& stream) const {
  return codec_ != nullptr && codec_->codec_id == stream.codecpar->codec_id;
}

const char* LibavDecoder::name() const { return avcodec_get_name(codec_->codec_id); }

bool LibavDecoder::isIntraOnly() const { return isIntraOnlyCodec(codec_->codec_id); }

void LibavDecoder::send(AVPacket* packet, bool isLossy) {
  const LibavListener listener(codec_.get());
  number_++;
  hasFailed_ = false;
  if (packet != nullptr) {
    numberPacket(*codec_, *packet, number_);
    if ((packet->flags & AV_PKT_FLAG_KEY) != 0) trust_.enterAt(number_);
  }
  const int error = avcodec_send_packet(codec_.get(), packet);
  hasFailed_ = packet != nullptr && error < 0 && error != AVERROR(EAGAIN);
  const bool isCorrupt = packet != nullptr && (packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
  if (hasFailed_ || isLossy || isCorrupt || (listener.hasDamage() && !isIntraOnly())) {
    trust_.damage(number_);
    if (!listener.message().empty()) damageText_ = std::string(name()) + ": " + listener.message();
  }
}

LibavDecoder::Received LibavDecoder::receive(AVFrame& frame) {
  const LibavListener listener(codec_.get());
  const int error = avcodec_receive_frame(codec_.get(), &frame);
  if (listener.hasDamage() && !isIntraOnly()) {
    trust_.damage(number_);
    damageText_ = std::string(name()) + ": " + listener.message();
  }
  if (error == AVERROR_EOF) return Received::end;
  if (error == AVERROR(EAGAIN)) {
    const bool hasFailed = hasFailed_;
    hasFailed_ = false;
    return hasFailed ? Received::damaged : Received::nothing;
  }
  if (error < 0) {
    trust_.damage(number_);
    return Received::damaged;
  }
  StreamTrust::Picture picture;
  picture.number = readNumber(frame);
  picture.isKey = isIntraOnly() || isKeyFrame(frame);
  picture.isIntra = frame.pict_type == AV_PICTURE_TYPE_I;
  picture.isDamaged = (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame.decode_error_flags != 0;
  return trust_.judge(picture) ? Received::picture : Received::damaged;
}

}  // namespace lintel
