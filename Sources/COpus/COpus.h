#pragma once
#include <opus/opus.h>

// The controls of libopus are variadic, which Swift cannot call: these take and give the one integer that each of those has
// which are used here. The requests are the `OPUS_SET_…_REQUEST` and `OPUS_GET_…_REQUEST` of opus_defines.h.

static inline int itodenwa_opus_encoder_set(OpusEncoder *encoder, int request, opus_int32 value) {
    return opus_encoder_ctl(encoder, request, value);
}

static inline int itodenwa_opus_encoder_get(OpusEncoder *encoder, int request, opus_int32 *value) {
    return opus_encoder_ctl(encoder, request, value);
}

static inline int itodenwa_opus_encoder_reset(OpusEncoder *encoder) {
    return opus_encoder_ctl(encoder, OPUS_RESET_STATE);
}

static inline int itodenwa_opus_decoder_reset(OpusDecoder *decoder) {
    return opus_decoder_ctl(decoder, OPUS_RESET_STATE);
}
