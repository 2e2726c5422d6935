// A strict decoder for plain JPEGs, based on libjpeg, and a check for every JPEG: both refuse damaged data.
#include "jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <jpeglib.h>

#include <jerror.h>

#include "arguments.h"
#include "frame.h"
#include "image.h"
#include "instance.h"

namespace lintel {
namespace {

/// Sides of pictures that the contract takes unchanged: smaller pictures are refused, larger ones are scaled down.
constexpr JDIMENSION kSmallestSidePx = 80;
constexpr JDIMENSION kLargestSidePx = 2048;
/// libjpeg-turbo takes bad Huffman codes without a warning while it has 512 bytes or more ahead, so it gets fewer.
constexpr size_t kBytesAhead = 127;

struct Decoder {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jmp_buf giveUp;
  /// The bytes that libjpeg has not been given yet.
  const unsigned char* rest;
  size_t restLength;
  /// libjpeg's own function for the end of the bytes: it warns, and adds the marker EOI.
  boolean (*addEnd)(j_decompress_ptr jpeg);
  /// The file ended before the marker EOI.
  bool lacksEnd;
  /// The components that a finished scan brought data for.
  bool hasData[MAX_COMPONENTS];
  /// Another thread sets this number to something else than 0 when nobody waits for the result any more; may be null.
  const int32_t* cancelled;
};

bool isCancelled(const Decoder& decoder) {
  return decoder.cancelled != nullptr && __atomic_load_n(decoder.cancelled, __ATOMIC_RELAXED) != 0;
}

/// Ends the decoding. Errors do this, and warnings of damage: libjpeg would fill the missing piece with grey.
[[noreturn]] void leave(j_common_ptr jpeg) { longjmp(static_cast<Decoder*>(jpeg->client_data)->giveUp, 1); }

/// Returns true for a warning that leaves all pixels as the encoder meant them. An early end of the file is one of them:
/// where it cuts into a scan, JWRN_HIT_MARKER follows.
bool isHarmless(int warning) {
  return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_JPEG_EOF || warning == JWRN_ADOBE_XFORM ||
         warning == JWRN_JFIF_MAJOR || warning == JWRN_NOT_SEQUENTIAL;
}

void leaveOnDamage(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  const int warning = jpeg->err->msg_code;
  if (!isHarmless(warning)) leave(jpeg);
  if (warning == JWRN_JPEG_EOF) static_cast<Decoder*>(jpeg->client_data)->lacksEnd = true;
}

void sayNothing(j_common_ptr) {}

boolean giveBytes(j_decompress_ptr jpeg) {
  Decoder& decoder = *static_cast<Decoder*>(jpeg->client_data);
  if (decoder.restLength == 0) return decoder.addEnd(jpeg);
  const size_t length = std::min(decoder.restLength, kBytesAhead);
  jpeg->src->next_input_byte = decoder.rest;
  jpeg->src->bytes_in_buffer = length;
  decoder.rest += length;
  decoder.restLength -= length;
  return TRUE;
}

/// Lets libjpeg read the bytes in small pieces.
void setSource(Decoder& decoder, const unsigned char* bytes, size_t length) {
  jpeg_mem_src(&decoder.jpeg, bytes, static_cast<unsigned long>(length));
  jpeg_source_mgr& source = *decoder.jpeg.src;
  decoder.addEnd = source.fill_input_buffer;
  source.fill_input_buffer = giveBytes;
  source.bytes_in_buffer = 0;
  decoder.rest = bytes;
  decoder.restLength = length;
}

bool startsWith(jpeg_saved_marker_ptr marker, const char* name, size_t length) {
  return marker->data_length >= length && std::memcmp(marker->data, name, length) == 0;
}

/// Returns false for a JPEG that needs more than plain decoding: Exif orientation, another colour space, several scans.
bool isPlain(jpeg_decompress_struct& jpeg) {
  for (jpeg_saved_marker_ptr marker = jpeg.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->marker == JPEG_APP0 + 1 && startsWith(marker, "Exif", 4)) return false;
    if (marker->marker == JPEG_APP0 + 2 && startsWith(marker, "ICC_PROFILE", 11)) return false;
  }
  const bool hasKnownColours = (jpeg.num_components == 1 && jpeg.jpeg_color_space == JCS_GRAYSCALE) ||
                               (jpeg.num_components == 3 && jpeg.jpeg_color_space == JCS_YCbCr);
  const bool hasFittingSides = jpeg.image_width >= kSmallestSidePx && jpeg.image_height >= kSmallestSidePx &&
                               jpeg.image_width <= kLargestSidePx && jpeg.image_height <= kLargestSidePx;
  return hasKnownColours && hasFittingSides && jpeg.data_precision == 8 && !jpeg.progressive_mode &&
         !jpeg_has_multiple_scans(&jpeg);
}

/// Creates libjpeg's decoder. It also fails where the compiled header and the library have different versions.
bool create(Decoder& decoder) {
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.jpeg.client_data = &decoder;
  decoder.errors.error_exit = leave;
  decoder.errors.emit_message = leaveOnDamage;
  decoder.errors.output_message = sayNothing;
  if (setjmp(decoder.giveUp) != 0) return false;
  jpeg_create_decompress(&decoder.jpeg);
  return true;
}

/// Reads the header. longjmp may leave this function, so it owns no resources and does not call JavaScript.
bool readHeader(Decoder& decoder, const unsigned char* bytes, size_t length) {
  if (setjmp(decoder.giveUp) != 0) return false;
  setSource(decoder, bytes, length);
  jpeg_save_markers(&decoder.jpeg, JPEG_APP0 + 1, 16);
  jpeg_save_markers(&decoder.jpeg, JPEG_APP0 + 2, 16);
  return jpeg_read_header(&decoder.jpeg, TRUE) == JPEG_HEADER_OK && isPlain(decoder.jpeg);
}

/// Reads the pixels. longjmp may leave this function, as it may readHeader.
bool readPixels(Decoder& decoder, cv::Mat& bgr) {
  if (setjmp(decoder.giveUp) != 0) return false;
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  // JCS_EXT_BGR is an extension of libjpeg-turbo, which is the libjpeg of Debian and Ubuntu.
  jpeg.out_color_space = JCS_EXT_BGR;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = bgr.ptr(static_cast<int>(jpeg.output_scanline));
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  return jpeg_finish_decompress(&jpeg) == TRUE;
}

/// Decodes all rows at an eighth of the size: every code is read, and few pixels are computed.
bool checkRows(Decoder& decoder) {
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  jpeg.scale_num = 1;
  jpeg.scale_denom = 8;
  jpeg.out_color_space = jpeg.jpeg_color_space;
  jpeg_start_decompress(&jpeg);
  const JSAMPARRAY row = jpeg.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&jpeg), JPOOL_IMAGE,
                                                jpeg.output_width * static_cast<JDIMENSION>(jpeg.output_components), 1);
  while (jpeg.output_scanline < jpeg.output_height) {
    if (isCancelled(decoder)) return false;
    jpeg_read_scanlines(&jpeg, row, 1);
  }
  return jpeg_finish_decompress(&jpeg) == TRUE;
}

/// Returns true where the scans so far hold the whole picture: each component, and in a progressive JPEG each coefficient
/// to its last bit.
bool hasAllScans(const Decoder& decoder) {
  const jpeg_decompress_struct& jpeg = decoder.jpeg;
  for (int component = 0; component < jpeg.num_components; component++) {
    if (!decoder.hasData[component]) return false;
    for (int i = 0; jpeg.progressive_mode && i < DCTSIZE2; i++) {
      if (jpeg.coef_bits[component][i] != 0) return false;
    }
  }
  return true;
}

/// Reads all scans of a JPEG that has several, and computes no pixels.
bool checkScans(Decoder& decoder) {
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  jpeg.buffered_image = TRUE;
  jpeg_start_decompress(&jpeg);
  // Each call reads one row of blocks.
  while (!isCancelled(decoder)) {
    const int status = jpeg_consume_input(&jpeg);
    if (status == JPEG_REACHED_EOI) return !decoder.lacksEnd || hasAllScans(decoder);
    if (status == JPEG_SUSPENDED) return false;
    if (status != JPEG_SCAN_COMPLETED) continue;
    for (int i = 0; i < jpeg.comps_in_scan; i++) decoder.hasData[jpeg.cur_comp_info[i]->component_index] = true;
  }
  return false;
}

/// Reads the whole file. longjmp may leave this function, as it may readHeader.
bool check(Decoder& decoder, const unsigned char* bytes, size_t length) {
  if (setjmp(decoder.giveUp) != 0) return false;
  setSource(decoder, bytes, length);
  if (jpeg_read_header(&decoder.jpeg, TRUE) != JPEG_HEADER_OK) return false;
  return jpeg_has_multiple_scans(&decoder.jpeg) ? checkScans(decoder) : checkRows(decoder);
}

Napi::Uint8Array readBytes(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(info.Env(), "bytes must be a Uint8Array");
  }
  return info[0].As<Napi::Uint8Array>();
}

/// Reads the optional argument `cancelled`. The array is usually shared with another thread.
const int32_t* readCancelled(const Napi::CallbackInfo& info) {
  if (info[1].IsUndefined()) return nullptr;
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array ||
      info[1].As<Napi::TypedArray>().ElementLength() == 0) {
    throw Napi::TypeError::New(info.Env(), "cancelled must be an Int32Array with at least one element");
  }
  return info[1].As<Napi::Int32Array>().Data();
}

struct Destroyer {
  jpeg_decompress_struct& jpeg;
  ~Destroyer() { jpeg_destroy_decompress(&jpeg); }
};

}  // namespace

Napi::Value decodeJpeg(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Uint8Array bytes = readBytes(info);
  Decoder decoder{};
  if (!create(decoder)) return env.Undefined();
  const Destroyer destroyer{decoder.jpeg};

  if (!readHeader(decoder, bytes.Data(), bytes.ByteLength())) return env.Undefined();
  std::shared_ptr<Frame> frame = Instance::get(env).pictures->take();
  frame->bgr.create(static_cast<int>(decoder.jpeg.image_height), static_cast<int>(decoder.jpeg.image_width), CV_8UC3);
  if (!readPixels(decoder, frame->bgr)) return env.Undefined();
  return Image::fromPicture(env, std::move(frame));
}

Napi::Value isWholeJpeg(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = readBytes(info);
  Decoder decoder{};
  decoder.cancelled = readCancelled(info);
  if (!create(decoder)) return Napi::Boolean::New(info.Env(), false);
  const Destroyer destroyer{decoder.jpeg};
  return Napi::Boolean::New(info.Env(), check(decoder, bytes.Data(), bytes.ByteLength()));
}

}  // namespace lintel
