// A strict decoder for plain JPEGs, based on libjpeg. It refuses every JPEG that is not plain or has a fault anywhere.
#include "jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <jpeglib.h>

#include "arguments.h"
#include "frame.h"
#include "image.h"
#include "instance.h"

namespace lintel {
namespace {

/// Sides of pictures that the contract takes unchanged: smaller pictures are refused, larger ones are scaled down.
constexpr JDIMENSION kSmallestSidePx = 80;
constexpr JDIMENSION kLargestSidePx = 2048;

struct Decoder {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jmp_buf giveUp;
};

/// Ends the decoding. Errors do this, and warnings too: they stand for a broken or missing piece that libjpeg would
/// fill with grey.
[[noreturn]] void leave(j_common_ptr jpeg) { longjmp(static_cast<Decoder*>(jpeg->client_data)->giveUp, 1); }

void leaveOnWarning(j_common_ptr jpeg, int level) {
  if (level < 0) leave(jpeg);
}

void sayNothing(j_common_ptr) {}

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
  decoder.errors.emit_message = leaveOnWarning;
  decoder.errors.output_message = sayNothing;
  if (setjmp(decoder.giveUp) != 0) return false;
  jpeg_create_decompress(&decoder.jpeg);
  return true;
}

/// Reads the header. longjmp may leave this function, so it owns no resources and does not call JavaScript.
bool readHeader(Decoder& decoder, const unsigned char* bytes, size_t length) {
  if (setjmp(decoder.giveUp) != 0) return false;
  jpeg_mem_src(&decoder.jpeg, bytes, static_cast<unsigned long>(length));
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

}  // namespace

Napi::Value decodeJpeg(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(env, "bytes must be a Uint8Array");
  }
  const auto bytes = info[0].As<Napi::Uint8Array>();
  Decoder decoder{};
  if (!create(decoder)) return env.Undefined();
  struct Destroyer {
    jpeg_decompress_struct& jpeg;
    ~Destroyer() { jpeg_destroy_decompress(&jpeg); }
  } destroyer{decoder.jpeg};

  if (!readHeader(decoder, bytes.Data(), bytes.ByteLength())) return env.Undefined();
  std::shared_ptr<Frame> frame = Instance::get(env).pictures->take();
  frame->bgr.create(static_cast<int>(decoder.jpeg.image_height), static_cast<int>(decoder.jpeg.image_width), CV_8UC3);
  if (!readPixels(decoder, frame->bgr)) return env.Undefined();
  return Image::fromPicture(env, std::move(frame));
}

}  // namespace lintel
