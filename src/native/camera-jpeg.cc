// Decodes the JPEGs of cameras, and refuses those that are damaged or cut short.
#include "camera-jpeg.h"

#include <opencv2/core.hpp>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <utility>

#include <jpeglib.h>

#include <jerror.h>

namespace lintel {
namespace {

/// Most scans of a progressive JPEG. Encoders write about ten; each takes as long as a whole sequential picture.
constexpr int kMostScans = 64;
constexpr size_t kMostSegmentBytes = 0xffff;
/// libjpeg-turbo takes bad Huffman codes without a warning while it has 512 bytes or more ahead, so it gets fewer. This
/// takes no measurable time (1920 x 1080 px, 449 kB: 7 to 12 ms with and without; x86, 2026-11-28).
constexpr size_t kBytesAhead = 127;

struct CameraDecoder {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf giveUp;
  const std::atomic<bool>* isStopped;
  /// The bytes that libjpeg has not been given yet.
  const unsigned char* rest;
  size_t restLength;
  /// libjpeg's own function for the end of the bytes: it warns, and adds the marker EOI.
  boolean (*addEnd)(j_decompress_ptr jpeg);
  /// The data ended before the marker EOI.
  bool lacksEnd;
  /// What libjpeg complained about when it gave up; null while it did not.
  const char* problem;
};

CameraDecoder& findDecoder(j_common_ptr jpeg) { return *static_cast<CameraDecoder*>(jpeg->client_data); }

[[noreturn]] void giveUp(j_common_ptr jpeg, const char* problem) {
  CameraDecoder& decoder = findDecoder(jpeg);
  decoder.problem = problem;
  longjmp(decoder.giveUp, 1);
}

[[noreturn]] void leaveOnError(j_common_ptr jpeg) {
  const int code = jpeg->err->msg_code;
  const bool isUnknown = code == JERR_SOF_UNSUPPORTED || code == JERR_BAD_PRECISION || code == JERR_CONVERSION_NOTIMPL;
  giveUp(jpeg, isUnknown ? "the picture is of an unusual kind of JPEG" : kDamagedPicture);
}

/// Ends the decoding where libjpeg would fill a missing piece with grey. The other warnings leave all pixels as the
/// encoder meant them; an early end that cuts into a scan also causes JWRN_HIT_MARKER.
void leaveOnDamage(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  const int warning = jpeg->err->msg_code;
  const bool isHarmless = warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_JPEG_EOF || warning == JWRN_ADOBE_XFORM ||
                          warning == JWRN_JFIF_MAJOR || warning == JWRN_NOT_SEQUENTIAL;
  if (!isHarmless) giveUp(jpeg, kDamagedPicture);
  if (warning == JWRN_JPEG_EOF) findDecoder(jpeg).lacksEnd = true;
}

void sayNothing(j_common_ptr) {}

void checkProgress(j_common_ptr jpeg) {
  if (findDecoder(jpeg).isStopped->load()) giveUp(jpeg, "the decoding was stopped");
  if (!jpeg->is_decompressor) return;
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMostScans) {
    giveUp(jpeg, "the picture has too many scans");
  }
}

boolean giveBytes(j_decompress_ptr jpeg) {
  CameraDecoder& decoder = *static_cast<CameraDecoder*>(jpeg->client_data);
  if (decoder.restLength == 0) return decoder.addEnd(jpeg);
  const size_t length = std::min(decoder.restLength, kBytesAhead);
  jpeg->src->next_input_byte = decoder.rest;
  jpeg->src->bytes_in_buffer = length;
  decoder.rest += length;
  decoder.restLength -= length;
  return TRUE;
}

bool create(CameraDecoder& decoder) {
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.jpeg.client_data = &decoder;
  decoder.errors.error_exit = leaveOnError;
  decoder.errors.emit_message = leaveOnDamage;
  decoder.errors.output_message = sayNothing;
  decoder.progress.progress_monitor = checkProgress;
  if (setjmp(decoder.giveUp) != 0) return false;
  jpeg_create_decompress(&decoder.jpeg);
  decoder.jpeg.progress = &decoder.progress;
  return true;
}

/// Reads the header. longjmp may leave this function, so it owns no resources.
bool readHeader(CameraDecoder& decoder, const unsigned char* bytes, size_t length) {
  if (setjmp(decoder.giveUp) != 0) return false;
  jpeg_mem_src(&decoder.jpeg, bytes, static_cast<unsigned long>(length));
  jpeg_source_mgr& source = *decoder.jpeg.src;
  decoder.addEnd = source.fill_input_buffer;
  source.fill_input_buffer = giveBytes;
  source.bytes_in_buffer = 0;
  decoder.rest = bytes;
  decoder.restLength = length;
  jpeg_save_markers(&decoder.jpeg, JPEG_APP0 + 1, kMostSegmentBytes);
  if (jpeg_read_header(&decoder.jpeg, TRUE) != JPEG_HEADER_OK) return false;
  const jpeg_decompress_struct& jpeg = decoder.jpeg;
  if (jpeg.image_width > kMostCameraSidePx || jpeg.image_height > kMostCameraSidePx ||
      static_cast<double>(jpeg.image_width) * jpeg.image_height > kMostCameraPixels) {
    decoder.problem = kTooManyPixels;
    return false;
  }
  return true;
}

/// Returns true where the scans hold the whole picture although the marker EOI is missing. libjpeg says what a
/// progressive JPEG lacks; of a sequential one with several scans it does not.
bool hasAllScans(const jpeg_decompress_struct& jpeg) {
  if (!jpeg_has_multiple_scans(const_cast<j_decompress_ptr>(&jpeg))) return true;
  if (!jpeg.progressive_mode) return false;
  for (int component = 0; component < jpeg.num_components; component++) {
    for (int i = 0; i < DCTSIZE2; i++) {
      if (jpeg.coef_bits[component][i] != 0) return false;
    }
  }
  return true;
}

/// Reads the pixels. longjmp may leave this function, as it may readHeader.
bool readPixels(CameraDecoder& decoder, cv::Mat& bgr) {
  if (setjmp(decoder.giveUp) != 0) return false;
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  // JCS_EXT_BGR is an extension of libjpeg-turbo, which is the libjpeg of Debian and Ubuntu.
  jpeg.out_color_space = JCS_EXT_BGR;
  jpeg_start_decompress(&jpeg);
  // A JPEG whose header gives no height gets one with its first scan.
  const auto widthPx = static_cast<JDIMENSION>(bgr.cols), heightPx = static_cast<JDIMENSION>(bgr.rows);
  if (jpeg.output_width != widthPx || jpeg.output_height != heightPx) return false;
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = bgr.ptr(static_cast<int>(jpeg.output_scanline));
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  if (decoder.lacksEnd && !hasAllScans(jpeg)) return false;
  return jpeg_finish_decompress(&jpeg) == TRUE;
}

std::string namePixelFormat(const jpeg_decompress_struct& jpeg) {
  if (jpeg.num_components == 1) return "gray";
  if (jpeg.num_components != 3 || jpeg.jpeg_color_space != JCS_YCbCr) return {};
  const jpeg_component_info& luma = jpeg.comp_info[0];
  const jpeg_component_info& chroma = jpeg.comp_info[1];
  const int across = luma.h_samp_factor / std::max(1, chroma.h_samp_factor);
  const int down = luma.v_samp_factor / std::max(1, chroma.v_samp_factor);
  if (across == 1) return down == 1 ? "yuvj444p" : "yuvj440p";
  if (across == 2) return down == 1 ? "yuvj422p" : "yuvj420p";
  return {};
}

/// Reads numbers of Exif data in its byte order; 0 beyond its end.
struct Exif {
  const unsigned char* bytes;
  size_t length;
  bool isLittleEndian;

  unsigned read(size_t at, size_t count) const {
    unsigned number = 0;
    for (size_t i = 0; i < count && at + count <= length; i++) {
      number = number << 8 | bytes[isLittleEndian ? at + count - 1 - i : at + i];
    }
    return number;
  }
};

/// Reads the orientation in the first directory of Exif data. @returns 1 to 8; 1, the upright one, where there is none
int readOrientation(const jpeg_decompress_struct& jpeg) {
  constexpr size_t kPrefix = 6, kEntryBytes = 12;
  constexpr unsigned kOrientation = 0x0112;
  for (jpeg_saved_marker_ptr marker = jpeg.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1 || marker->data_length < kPrefix + 8) continue;
    if (std::memcmp(marker->data, "Exif\0\0", kPrefix) != 0) continue;
    const unsigned char* const tiff = marker->data + kPrefix;
    const Exif exif{tiff, marker->data_length - kPrefix, tiff[0] == 'I'};
    const size_t directory = exif.read(4, 4);
    const unsigned count = exif.read(directory, 2);
    for (size_t i = 0; i < count; i++) {
      const size_t entry = directory + 2 + i * kEntryBytes;
      if (entry + kEntryBytes > exif.length) break;
      if (exif.read(entry, 2) != kOrientation) continue;
      const unsigned orientation = exif.read(entry + 8, 2);
      return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
    }
  }
  return 1;
}

/// Turns a picture as its Exif orientation says: 2 to 4 mirror or turn it by 180 degrees, 5 to 8 also swap the sides.
void turn(cv::Mat& bgr, int orientation) {
  if (orientation <= 1) return;
  cv::Mat turned;
  if (orientation >= 5) {
    cv::transpose(bgr, turned);
    std::swap(bgr, turned);
  }
  constexpr int kAround = 2;
  /// By orientation from 1: the axis of cv::flip, or kAround for no flip.
  constexpr int kFlips[] = {kAround, 1, -1, 0, kAround, 1, -1, 0};
  const int flip = kFlips[orientation - 1];
  if (flip == kAround) return;
  cv::flip(bgr, turned, flip);
  std::swap(bgr, turned);
}

struct CameraDestroyer {
  jpeg_decompress_struct& jpeg;
  ~CameraDestroyer() { jpeg_destroy_decompress(&jpeg); }
};

}  // namespace

CameraPicture decodeCameraJpeg(const unsigned char* bytes, size_t length, cv::Mat& bgr,
                               const std::atomic<bool>& isStopped) {
  CameraDecoder decoder{};
  decoder.isStopped = &isStopped;
  CameraPicture made;
  if (!create(decoder)) {
    made.problem = "libjpeg has another version than the addon was built for";
    return made;
  }
  const CameraDestroyer destroyer{decoder.jpeg};
  made.problem = kDamagedPicture;
  if (readHeader(decoder, bytes, length)) {
    bgr.create(static_cast<int>(decoder.jpeg.image_height), static_cast<int>(decoder.jpeg.image_width), CV_8UC3);
    made.orientation = readOrientation(decoder.jpeg);
    made.pixelFormat = namePixelFormat(decoder.jpeg);
    if (readPixels(decoder, bgr)) made.problem.clear();
  }
  if (decoder.problem != nullptr) made.problem = decoder.problem;
  if (made.problem.empty()) turn(bgr, made.orientation);
  return made;
}

}  // namespace lintel
