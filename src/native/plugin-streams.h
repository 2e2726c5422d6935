// build/lintel-streams.so: the readers of streams, files and pictures over HTTP, with FFmpeg's libraries.
#pragma once

#include <atomic>

#include "reader.h"

extern "C" {

/// Makes the reader of a stream, a file or snapshots; see makeReader. The caller owns it.
lintel::Reader* lintelMakeStreamReader(const lintel::SourceOptions& options, const std::atomic<bool>& isStopped);
/// Returns the version of FFmpeg.
const char* lintelReadFfmpegVersion();
}
