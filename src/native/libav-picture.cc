// A decoded picture of FFmpeg: its brightness in place, and its conversion to BGR.
#include "libav-picture.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
}

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "upright.h"

namespace lintel {
namespace {

/// FFmpeg's vector code writes whole vectors, and so beyond the end of a row.
constexpr int kAlignment = 64;

/// Returns the format without its range: FFmpeg has formats whose names contain the range, and deprecates them.
AVPixelFormat withoutRange(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
      return AV_PIX_FMT_YUV411P;
    default:
      return format;
  }
}

AVPixelFormat pixelFormat(const AVFrame& frame) { return static_cast<AVPixelFormat>(frame.format); }

/// Returns the coefficients for the matrix of a frame. One without a matrix is read as BT.601, as FFmpeg itself writes
/// it.
const int* findMatrix(const AVFrame& frame) {
  switch (frame.colorspace) {
    case AVCOL_SPC_BT709:
      return sws_getCoefficients(SWS_CS_ITU709);
    case AVCOL_SPC_FCC:
      return sws_getCoefficients(SWS_CS_FCC);
    case AVCOL_SPC_SMPTE240M:
      return sws_getCoefficients(SWS_CS_SMPTE240M);
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return sws_getCoefficients(SWS_CS_BT2020);
    default:
      return sws_getCoefficients(SWS_CS_ITU601);
  }
}

bool readIsFullRange(const AVFrame& frame, bool isIntraOnly) {
  const AVPixelFormat format = pixelFormat(frame);
  if (format != withoutRange(format) || frame.color_range == AVCOL_RANGE_JPEG) return true;
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description == nullptr || (description->flags & AV_PIX_FMT_FLAG_RGB) != 0) return true;
  // Grey pictures are full range, except for those of video codecs.
  return description->nb_components < 3 && frame.color_range == AVCOL_RANGE_UNSPECIFIED && isIntraOnly;
}

/// Reads the rotation and mirroring that a display matrix asks for, in quarter turns.
void readOrientation(const uint8_t* data, StreamFormat& format) {
  int32_t matrix[kMatrixLength];
  std::memcpy(matrix, data, sizeof matrix);
  const double determinant =
      static_cast<double>(matrix[0]) * matrix[4] - static_cast<double>(matrix[1]) * matrix[3];
  format.isMirrored = determinant < 0;
  // The rotation comes first, the mirroring from left to right after it.
  if (format.isMirrored) av_display_matrix_flip(matrix, 1, 0);
  const double anticlockwise = av_display_rotation_get(matrix);
  if (std::isnan(anticlockwise)) return;
  const int turns = static_cast<int>(std::lround(-anticlockwise / 90));
  format.rotate = ((turns % 4) + 4) % 4 * 90;
}

/// Makes a matrix whose rows have room for vector code.
void makeRoom(cv::Mat& bgr, int width, int height) {
  const bool hasRoom = bgr.step[0] % kAlignment == 0 && bgr.step[0] >= static_cast<size_t>(width + kAlignment) * 3;
  if (bgr.cols == width && bgr.rows == height && bgr.type() == CV_8UC3 && hasRoom) return;
  const int padded = (width + kAlignment + kAlignment - 1) / kAlignment * kAlignment;
  bgr = cv::Mat(height, padded, CV_8UC3)(cv::Rect(0, 0, width, height));
}

}  // namespace

LibavConverter::~LibavConverter() { sws_freeContext(context_); }

void LibavConverter::convert(const AVFrame& frame, bool isFullRange, cv::Mat& bgr) {
  std::lock_guard lock(mutex_);
  const AVPixelFormat format = withoutRange(pixelFormat(frame));
  const int width = frame.width;
  const int height = frame.height;
  // sws_getCachedContext would make a new context each time, where it has changed the flags of the old one.
  const Settings settings{width, height, format, findMatrix(frame), isFullRange};
  if (context_ == nullptr || settings != settings_) {
    sws_freeContext(context_);
    context_ = sws_getContext(width, height, format, width, height, AV_PIX_FMT_BGR24, SWS_BILINEAR, nullptr, nullptr,
                              nullptr);
    if (context_ == nullptr) throw std::runtime_error("the pixel format of the stream cannot be converted");
    sws_setColorspaceDetails(context_, settings.matrix, isFullRange ? 1 : 0, sws_getCoefficients(SWS_CS_ITU601), 1, 0,
                             1 << 16, 1 << 16);
    settings_ = settings;
  }
  makeRoom(bgr, width, height);
  uint8_t* const to[4] = {bgr.data, nullptr, nullptr, nullptr};
  const int steps[4] = {static_cast<int>(bgr.step[0]), 0, 0, 0};
  if (sws_scale(context_, frame.data, frame.linesize, 0, height, to, steps) != height) {
    throw std::runtime_error("a picture of the stream could not be converted");
  }
}

LibavPicture::LibavPicture(AVFrame& frame, const StreamFormat& format, std::shared_ptr<LibavConverter> converter)
    : frame_(av_frame_alloc()), format_(format), converter_(std::move(converter)) {
  if (!frame_) throw std::bad_alloc();
  av_frame_move_ref(frame_.get(), &frame);
}

StreamFormat LibavPicture::readFormat(const AVFrame& frame, const char* codec, bool isIntraOnly,
                                      const uint8_t* matrix) {
  StreamFormat format;
  format.codec = codec;
  const char* name = av_get_pix_fmt_name(withoutRange(pixelFormat(frame)));
  format.pixelFormat = name == nullptr ? "" : name;
  format.isFullRange = readIsFullRange(frame, isIntraOnly);
  if (matrix != nullptr) readOrientation(matrix, format);
  const bool isOnItsSide = format.rotate == 90 || format.rotate == 270;
  format.widthPx = isOnItsSide ? frame.height : frame.width;
  format.heightPx = isOnItsSide ? frame.width : frame.height;
  return format;
}

bool LibavPicture::canConvert(const AVFrame& frame) {
  return sws_isSupportedInput(withoutRange(pixelFormat(frame))) > 0;
}

bool LibavPicture::canView(const AVFrame& frame) {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(pixelFormat(frame));
  if (description == nullptr || frame.linesize[0] <= 0) return false;
  constexpr uint64_t unusable = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL |
                                AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER;
  if ((description->flags & unusable) != 0) return false;
  const AVComponentDescriptor& luma = description->comp[(description->flags & AV_PIX_FMT_FLAG_RGB) != 0 ? 1 : 0];
  return luma.depth >= 8 && luma.depth <= 16 && (luma.depth > 8 || luma.shift == 0);
}

LumaView LibavPicture::luma() const {
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(pixelFormat(*frame_));
  const AVComponentDescriptor& luma = description->comp[(description->flags & AV_PIX_FMT_FLAG_RGB) != 0 ? 1 : 0];
  LumaView view;
  view.data = frame_->data[luma.plane] + luma.offset;
  view.width = frame_->width;
  view.height = frame_->height;
  view.rowBytes = frame_->linesize[luma.plane];
  view.step = luma.step;
  view.sampleBytes = luma.depth > 8 ? 2 : 1;
  view.extraBits = luma.depth > 8 ? luma.shift + luma.depth - 8 : 0;
  view.isFullRange = format_.isFullRange;
  return view;
}

bool LibavPicture::isSame(const RawPicture& other) const {
  const auto* picture = dynamic_cast<const LibavPicture*>(&other);
  if (picture == nullptr || picture->format_ != format_) return false;
  const AVFrame& one = *frame_;
  const AVFrame& two = *picture->frame_;
  if (one.width != two.width || one.height != two.height || one.format != two.format) return false;
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(pixelFormat(one));
  for (int plane = 0; plane < av_pix_fmt_count_planes(pixelFormat(one)); plane++) {
    const int bytes = av_image_get_linesize(pixelFormat(one), one.width, plane);
    const bool isChroma = plane == 1 || plane == 2;
    const int rows = isChroma ? AV_CEIL_RSHIFT(one.height, description->log2_chroma_h) : one.height;
    for (int y = 0; y < rows; y++) {
      const uint8_t* left = one.data[plane] + static_cast<ptrdiff_t>(y) * one.linesize[plane];
      const uint8_t* right = two.data[plane] + static_cast<ptrdiff_t>(y) * two.linesize[plane];
      if (std::memcmp(left, right, static_cast<size_t>(bytes)) != 0) return false;
    }
  }
  return true;
}

void LibavPicture::convert(cv::Mat& bgr) const {
  if (format_.rotate == 0 && !format_.isMirrored) return converter_->convert(*frame_, format_.isFullRange, bgr);
  cv::Mat lying;
  converter_->convert(*frame_, format_.isFullRange, lying);
  Upright how;
  how.rotate = format_.rotate;
  if (format_.isMirrored) how.flip = Upright::Flip::horizontal;
  turn(lying, bgr, how);
}

}  // namespace lintel
